#include "process/core_placement.h"

#include <algorithm>
#include <map>

#include "core/concat.h"

namespace fabric::process {
namespace {

/// The CPUs of one core that may be used.
using Core = std::vector<int>;
/// Cores by NUMA node, each node's by number.
using Nodes = std::map<int, std::vector<Core>>;

Nodes nodes_of(const std::vector<Cpu>& cpus) {
  std::map<int, std::map<int, Core>> found;
  for (const Cpu& cpu : cpus) found[cpu.numa_node][cpu.core].push_back(cpu.number);
  Nodes nodes;
  for (const auto& [node, cores] : found) {
    for (const auto& [number, core] : cores) nodes[node].push_back(core);
  }
  return nodes;
}

RankCores bound_to(const std::vector<Core>& cores) {
  RankCores rank{{}, static_cast<int>(cores.size())};
  for (const Core& core : cores) rank.cpus.insert(rank.cpus.end(), core.begin(), core.end());
  std::sort(rank.cpus.begin(), rank.cpus.end());
  return rank;
}

/// Hands out the cores of a node, first to last.
class CoreDealer {
 public:
  explicit CoreDealer(Nodes nodes) : nodes_(std::move(nodes)) {}

  bool has(int node, size_t count) const {
    const auto found = nodes_.find(node);
    return found != nodes_.end() && found->second.size() >= count;
  }
  int first_node_with(size_t count) const {
    for (const auto& [node, cores] : nodes_) {
      if (cores.size() >= count) return node;
    }
    return -1;
  }
  std::vector<Core> take(int node, size_t count) {
    std::vector<Core>& cores = nodes_.at(node);
    const auto end = cores.begin() + static_cast<std::ptrdiff_t>(std::min(count, cores.size()));
    std::vector<Core> taken(cores.begin(), end);
    cores.erase(cores.begin(), end);
    return taken;
  }
  std::vector<Core> take_anywhere(size_t count) {
    std::vector<Core> taken;
    for (const auto& [node, cores] : nodes_) {
      const std::vector<Core> more = take(node, count - taken.size());
      taken.insert(taken.end(), more.begin(), more.end());
    }
    return taken;
  }

 private:
  Nodes nodes_;
};

CorePlacement share_cores(const Nodes& nodes, size_t num_cores, size_t num_ranks) {
  std::vector<Core> all;
  for (const auto& [node, cores] : nodes) all.insert(all.end(), cores.begin(), cores.end());
  CorePlacement placement;
  for (size_t rank = 0; rank < num_ranks; ++rank) placement.ranks.push_back(bound_to({all[rank % all.size()]}));
  placement.warning = concat("each rank must have a core of its own, but ", num_ranks, " ranks share ", num_cores,
                             "; run fewer ranks or give the job more cores");
  return placement;
}

CorePlacement place_by_cores(const Nodes& nodes, const std::vector<int>& wanted_nodes) {
  size_t num_cores = 0;
  for (const auto& [node, cores] : nodes) num_cores += cores.size();
  const size_t share = num_cores / wanted_nodes.size();
  if (share == 0) return share_cores(nodes, num_cores, wanted_nodes.size());

  CorePlacement placement;
  placement.ranks.resize(wanted_nodes.size());
  CoreDealer dealer(nodes);
  std::vector<size_t> others;
  for (size_t rank = 0; rank < wanted_nodes.size(); ++rank) {
    if (dealer.has(wanted_nodes[rank], share))
      placement.ranks[rank] = bound_to(dealer.take(wanted_nodes[rank], share));
    else
      others.push_back(rank);
  }
  for (const size_t rank : others) {
    const int node = dealer.first_node_with(share);
    placement.ranks[rank] = bound_to(node >= 0 ? dealer.take(node, share) : dealer.take_anywhere(share));
  }
  return placement;
}

CorePlacement place_by_nodes(const Nodes& nodes, const std::vector<int>& wanted_nodes) {
  std::vector<int> numbers;
  for (const auto& [node, cores] : nodes) numbers.push_back(node);
  CorePlacement placement;
  std::map<int, int> ranks_on;
  std::vector<int> chosen;
  for (size_t rank = 0; rank < wanted_nodes.size(); ++rank) {
    int node = wanted_nodes[rank];
    if (!nodes.contains(node)) {
      if (node >= 0)
        placement.warning = concat("a rank must be near its accelerator, but none of the cores of NUMA node ", node,
                                   " may be used; give the job cores of that node");
      node = numbers[rank * numbers.size() / wanted_nodes.size()];
    }
    chosen.push_back(node);
    ++ranks_on[node];
  }
  for (const int node : chosen) {
    RankCores rank = bound_to(nodes.at(node));
    rank.num_cores = std::max(1, rank.num_cores / ranks_on[node]);
    placement.ranks.push_back(std::move(rank));
  }
  return placement;
}

}  // namespace

CorePlacement place_on_cores(const std::vector<Cpu>& cpus, Binding binding, const std::vector<int>& wanted_nodes) {
  if (wanted_nodes.empty()) return {};
  if (binding == Binding::kNone || cpus.empty()) {
    const int share = std::max(1, static_cast<int>(cpus.size() / wanted_nodes.size()));
    return {std::vector<RankCores>(wanted_nodes.size(), RankCores{{}, share}), {}};
  }
  return binding == Binding::kCores ? place_by_cores(nodes_of(cpus), wanted_nodes)
                                    : place_by_nodes(nodes_of(cpus), wanted_nodes);
}

CorePlacement place_ranks(const GenerationPlan& plan, const std::vector<AcceleratorReport>& accelerators,
                          const NodeFiles& files, const std::vector<int>& allowed) {
  // Without a binding their number is enough: a large node has hundreds of files to read.
  const std::vector<Cpu> cpus =
      plan.binding == Binding::kNone ? std::vector<Cpu>(allowed.size()) : read_topology(files, allowed);
  return place_on_cores(cpus, plan.binding, wanted_nodes(plan, accelerators));
}

std::vector<int> wanted_nodes(const GenerationPlan& plan, const std::vector<AcceleratorReport>& accelerators) {
  std::vector<int> wanted(static_cast<size_t>(std::max(plan.local_world_size, 0)), -1);
  // What a job chooses by a variable of its own is numbered otherwise than the driver numbered it for us.
  if (!plan.uses_accelerators || plan.env.contains("CUDA_VISIBLE_DEVICES")) return wanted;
  const size_t known = std::min(wanted.size(), accelerators.size());
  for (size_t rank = 0; rank < known; ++rank) wanted[rank] = accelerators[rank].numa_node;
  return wanted;
}

}  // namespace fabric::process
