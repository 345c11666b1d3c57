// What a job comes to, each fact with what it follows from.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/thread_count.h"
#include "job/plan_words.h"
#include "run_plan.h"

namespace fabric::launcher {
namespace {

using Json = nlohmann::ordered_json;

std::string plural(int64_t count, const char* noun) { return concat(count, ' ', noun, count == 1 ? "" : "s"); }

std::string numbers_text(const std::vector<int>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += concat(text.empty() ? "" : ",", numbers[i]);
    if (last > i) text += concat('-', numbers[last]);
    i = last;
  }
  return text;
}

/// Collects facts; sources are those of the job's values.
class FactList {
 public:
  explicit FactList(const RunPlan& plan) : plan_(plan) {}

  void add(std::string name, std::string value, std::string source) {
    facts_.push_back({std::move(name), std::move(value), std::move(source)});
  }
  std::string source(std::string_view path) const {
    const PlannedValue* const value = find(path);
    return value != nullptr ? describe(value->source, value->default_words) : "default";
  }
  std::string text(std::string_view path) const {
    const PlannedValue* const value = find(path);
    return value != nullptr ? Json::parse(value->value).get<std::string>() : "";
  }
  std::vector<PlannedFact> take() { return std::move(facts_); }

 private:
  const PlannedValue* find(std::string_view path) const {
    const auto found = std::find_if(plan_.values.begin(), plan_.values.end(),
                                    [&](const PlannedValue& value) { return value.path == path; });
    return found != plan_.values.end() ? &*found : nullptr;
  }

  const RunPlan& plan_;
  std::vector<PlannedFact> facts_;
};

void add_nodes(const RunPlan& plan, FactList& facts) {
  const rendezvous::Settings& settings = plan.settings;
  const bool is_range = settings.min_nodes != settings.max_nodes;
  facts.add("nodes",
            concat(is_range ? concat(settings.min_nodes, " to ", settings.max_nodes, " nodes")
                            : plural(settings.max_nodes, "node"),
                   " of ", plan.cluster.nodes.size(), " there"),
            concat("elastic.min_nodes: ", facts.source("elastic.min_nodes"),
                   "; elastic.max_nodes: ", facts.source("elastic.max_nodes")));
  for (int i = 0; i < settings.max_nodes; ++i) {
    const cluster::ClusterNode& node = plan.cluster.nodes[static_cast<size_t>(i)];
    const int first = i * settings.ranks_per_node;
    const int last = first + settings.ranks_per_node - 1;
    facts.add("",
              concat(node.name, " (", node.address, ", ", plural(node.slots, "core"),
                     "): ", first == last ? concat("rank ", first) : concat("ranks ", first, " to ", last)),
              concat("environment ", plan.cluster.environment));
  }
}

void add_threads(const RunPlan& plan, FactList& facts) {
  const GenerationPlan& base = plan.settings.base;
  const int threads = threads_of(base);
  if (threads > 0) {
    const auto own = base.env.find("OMP_NUM_THREADS");
    const bool is_own = own != base.env.end() && read_thread_count(own->second).has_value();
    facts.add("threads", concat(threads, " of each rank", is_own ? ", by OMP_NUM_THREADS" : ""),
              facts.source(is_own ? "env.set.OMP_NUM_THREADS" : "threads"));
    return;
  }
  std::vector<int> counts;
  for (const process::RankCores& rank : plan.placement.ranks) counts.push_back(rank.num_cores);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  facts.add("threads",
            concat(*least == *most ? concat(*least) : concat(*least, " to ", *most), " of each rank, its share of the ",
                   plural(plan.cluster.nodes.front().slots, "core"), " of the node"),
            facts.source("threads"));
}

void add_binding(const RunPlan& plan, FactList& facts) {
  const std::string source = facts.source("binding");
  facts.add("binding", concat(job::word_for(job::kBindingWords, plan.settings.base.binding)), source);
  for (size_t rank = 0; rank < plan.placement.ranks.size(); ++rank) {
    const std::vector<int>& cpus = plan.placement.ranks[rank].cpus;
    if (!cpus.empty()) facts.add("", concat("local rank ", rank, " on CPUs ", numbers_text(cpus)), source);
  }
  if (!plan.placement.warning.empty()) facts.add("", "warning: " + plan.placement.warning, source);
}

std::string strategy_source(const RunPlan& plan, const FactList& facts) {
  std::string source = facts.source("fabric.strategy");
  if (facts.text("fabric.strategy") != "auto") return source;
  return concat(source, ", auto for ", plural(plan.settings.base.world_size, "rank"));
}

}  // namespace

std::string describe(const job::ValueSource& source, const std::string& default_words) {
  std::string text = source.text;
  if (source.kind == job::ValueSource::Kind::kEnvironment) text = concat("environment, ", source.text);
  if (!source.macros.empty()) text += concat(", with ", source.macros);
  if (default_words == "required") return text;
  if (!default_words.empty()) text += concat(": ", default_words);
  std::erase(text, '`');
  return text;
}

std::vector<PlannedFact> facts_of(const RunPlan& plan, const RunRequest& request) {
  const GenerationPlan& base = plan.settings.base;
  FactList facts(plan);
  facts.add("job", plan.job_name, facts.source("name"));
  facts.add("program", facts.text("program"), facts.source("program"));
  const bool is_flag = request.runs_directory_source.kind == job::ValueSource::Kind::kFlag;
  facts.add("run directory", base.run_directory,
            concat(is_flag ? request.runs_directory_source.text : facts.source("output.directory"),
                   request.run_id.empty() ? ""
                   : request.resumes_run  ? "; --resume"
                                          : "; --run-id"));
  facts.add("environment", plan.cluster.environment, plan.cluster.evidence);
  add_nodes(plan, facts);
  facts.add("devices", concat(base.local_world_size, " on each node"), facts.source("fabric.devices"));
  facts.add("ranks", plural(base.world_size, "rank"), "nodes times devices");
  facts.add("accelerator", "cpu", facts.source("fabric.accelerator"));
  facts.add("strategy", plan.strategy, strategy_source(plan, facts));
  facts.add("precision", facts.text("fabric.precision"), facts.source("fabric.precision"));
  add_threads(plan, facts);
  add_binding(plan, facts);
  facts.add("start method", concat(job::word_for(job::kStartMethodWords, base.start_method)),
            facts.source("start_method"));
  return facts.take();
}

}  // namespace fabric::launcher
