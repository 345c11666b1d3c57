#include "job/job_sections.h"

#include <algorithm>
#include <limits>

#include "job/plan_words.h"
#include "job/scalar.h"
#include "job/section_reader.h"
#include "job/vocabulary.h"

namespace fabric::job {
namespace {

using std::chrono::milliseconds;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_argument_name(std::string_view name) {
  if (name.empty() || name.size() > 128 || !(is_letter_or_digit(name.front()) || name.front() == '_')) return false;
  if (name.front() >= '0' && name.front() <= '9') return false;  // {lr: 0,1} is lr: 0 and an argument '1' to YAML
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-'; });
}

/// Notes an error unless `section` is a map or absent; returns whether its entries can be read.
bool is_map(const YamlNode& section, std::string_view name, Diagnostics& diagnostics) {
  if (section.kind == YamlNode::Kind::kMap) return true;
  if (section.kind != YamlNode::Kind::kNull) {
    diagnostics.error(section.mark, concat('\'', name, "' must be a map of names and values, but is ",
                                           describe_node(section), "; write name: value"));
  }
  return false;
}

ArgScalar argument_scalar(const YamlNode& node, std::string_view name, Diagnostics& diagnostics) {
  if (node.kind == YamlNode::Kind::kMap || node.kind == YamlNode::Kind::kList) {
    diagnostics.error(node.mark, concat("'args.", name, "' must be a value or a list of values, but has ",
                                        describe_node(node), " inside; give its parts names of their own"));
    return {};
  }
  auto value = read_scalar(node);
  if (!value.ok()) diagnostics.error(node.mark, concat("'args.", name, "': ", value.error().message()));
  return value.ok() ? *value : ArgScalar();
}

ArgValue argument_value(const YamlNode& node, Diagnostics& diagnostics) {
  if (node.kind != YamlNode::Kind::kList) return argument_scalar(node, node.key, diagnostics);
  std::vector<ArgScalar> values;
  for (const YamlNode& item : node.children) values.push_back(argument_scalar(item, node.key, diagnostics));
  return values;
}

std::optional<int> read_count(SectionReader& section, std::string_view key) {
  constexpr int64_t kMost = 1'000'000;
  const auto count = section.integer_or(key, 0, kMost, {"unlimited", -1});
  return count.value_or(-1) < 0 ? std::nullopt : std::optional(static_cast<int>(*count));
}

std::vector<int> read_rank_list(const YamlNode& node, SectionReader& section) {
  std::vector<int> ranks;
  for (const YamlNode& item : node.children) {
    const auto value = item.kind == YamlNode::Kind::kScalar ? read_scalar(item) : invalid_argument("no rank");
    const auto* rank = value.ok() ? std::get_if<int64_t>(&*value) : nullptr;
    if (rank == nullptr || *rank < 0 || *rank > 10'000'000) {
      section.error(node, concat("must list global ranks, but has ", describe_node(item), "; write [0, 1] for example"),
                    item);
      return {};
    }
    ranks.push_back(static_cast<int>(*rank));
  }
  return ranks;
}

}  // namespace

Arguments read_arguments(const YamlNode& section, Diagnostics& diagnostics) {
  Arguments arguments;
  if (!is_map(section, "args", diagnostics)) return arguments;
  for (const YamlNode& entry : section.children) {
    if (!is_argument_name(entry.key)) {
      diagnostics.error(
          entry.key_mark,
          concat(
              "an argument's name must be 1 to 128 letters, digits, '_', '.' or '-' and start with a letter or '_', but is '",
              entry.key.substr(0, 128), "'; rename it"));
      continue;
    }
    arguments.emplace_back(entry.key, argument_value(entry, diagnostics));
  }
  return arguments;
}

ClusterOptions read_cluster_options(const YamlNode& node, Diagnostics& diagnostics) {
  constexpr int64_t kMostSimulated = 64;
  ClusterOptions options;
  SectionReader section(node, "cluster", diagnostics);
  read_word(section, "environment",
            {{"auto", "local"}, {"slurm", "ssh", "lsf", "torchelastic", "mpi", "kubeflow"}, "use auto or local"},
            options.environment);
  options.simulate_nodes = section.integer("simulate_nodes", 0, kMostSimulated).value_or(options.simulate_nodes);
  section.finish();
  return options;
}

ElasticOptions read_elastic_options(const YamlNode& node, int num_nodes, Diagnostics& diagnostics) {
  constexpr int64_t kMostNodes = 100'000;
  ElasticOptions options;
  SectionReader section(node, "elastic", diagnostics);
  const auto max_nodes = section.integer("max_nodes", 1, kMostNodes);
  options.min_nodes =
      section.integer("min_nodes", 1, kMostNodes).value_or(std::min(num_nodes, max_nodes.value_or(num_nodes)));
  options.max_nodes = max_nodes.value_or(std::max(num_nodes, options.min_nodes));
  options.max_restarts = section.integer("max_restarts", 0).value_or(options.max_restarts);
  options.rendezvous_timeout =
      section.duration("rendezvous_timeout", milliseconds(100)).value_or(options.rendezvous_timeout);
  options.heartbeat = section.duration("heartbeat", milliseconds(10)).value_or(options.heartbeat);
  options.lease = section.duration("lease", milliseconds(30)).value_or(options.lease);
  options.grace = section.duration("grace", milliseconds(0)).value_or(options.grace);
  options.restart_window = section.duration("restart_window", milliseconds(0)).value_or(options.restart_window);
  options.max_failures_without_progress =
      section.integer("max_failures_without_progress", 0).value_or(options.max_failures_without_progress);
  options.stop_timeout = section.duration("stop_timeout", milliseconds(0)).value_or(options.stop_timeout);
  options.max_strikes = section.integer("max_strikes", 0).value_or(options.max_strikes);
  options.max_node_losses = read_count(section, "max_node_losses");
  options.max_preemptions = read_count(section, "max_preemptions");
  options.scale_up_wait = section.duration_or("scale_up_wait", milliseconds(0), "never");
  section.finish();
  if (options.min_nodes > options.max_nodes) {
    diagnostics.error(diagnostics.blamed(node.find("max_nodes")->mark, node.find("min_nodes")->mark),
                      concat("'elastic.max_nodes' must be at least elastic.min_nodes, but is ", options.max_nodes,
                             " and min_nodes is ", options.min_nodes, "; raise it or lower min_nodes"));
  }
  if (options.lease < 3 * options.heartbeat) {
    const YamlNode* lease = node.find("lease");
    const YamlNode* heartbeat = node.find("heartbeat");
    if (lease == nullptr) std::swap(lease, heartbeat);  // not both have their defaults
    diagnostics.error(
        heartbeat != nullptr ? diagnostics.blamed(lease->mark, heartbeat->mark) : lease->mark,
        concat(
            "'elastic.lease' must be at least three times elastic.heartbeat, so that one late heartbeat never costs a node, but is ",
            options.lease.count(), "ms and heartbeat is ", options.heartbeat.count(), "ms; make the lease longer"));
  }
  return options;
}

CheckpointOptions read_checkpoint_options(const YamlNode& node, const std::string& directory,
                                          Diagnostics& diagnostics) {
  constexpr int64_t kMostSteps = 1'000'000'000;
  const auto count_or_all = [](std::optional<int64_t> count) {
    return count.value_or(0) > 0 ? std::optional(static_cast<int>(*count)) : std::nullopt;
  };
  CheckpointOptions options;
  SectionReader section(node, "checkpoint", diagnostics);
  options.every_steps = count_or_all(section.integer_or("every_steps", 1, kMostSteps, {"never", 0}));
  options.every = section.duration_or("every", milliseconds(1'000), "never");
  options.keep_last = count_or_all(section.integer_or("keep_last", 1, 1'000'000, {"all", 0}));
  options.best = section.text("best").value_or("");
  options.best_mode = section.choice("best_mode", kMetricModeWords).value_or(options.best_mode);
  options.keep_best = section.integer("keep_best", 1).value_or(options.keep_best);
  options.resume_from = section.path("resume_from", directory).value_or("");
  section.finish();
  for (const char* const key : {"best_mode", "keep_best"}) {
    const YamlNode* const of_best = node.find(key);
    if (of_best == nullptr || !options.best.empty()) continue;
    section.error(*of_best,
                  "must stand beside checkpoint.best, the metric that it is about, but that is not there; name it");
  }
  return options;
}

ResourceLimits read_limits(const YamlNode& node, Diagnostics& diagnostics) {
  constexpr NumberWord kUnlimited{"unlimited", std::numeric_limits<int64_t>::max()};
  constexpr int64_t kMost = int64_t{1} << 30;
  constexpr int64_t kFewestFiles = 64;                      // LibTorch, the connection to the agent and a process group
  constexpr int64_t kLeastMemoryBytes = int64_t{64} << 20;  // the program's file alone may take more
  ResourceLimits limits;
  SectionReader section(node, "limits", diagnostics);
  limits.core_bytes = section.size_or("core", 0, kUnlimited).value_or(limits.core_bytes);
  limits.open_files = section.integer_or("open_files", kFewestFiles, kMost, kUnlimited).value_or(limits.open_files);
  limits.address_space_bytes =
      section.size_or("memory", kLeastMemoryBytes, kUnlimited).value_or(limits.address_space_bytes);
  limits.processes = section.integer_or("processes", 1, kMost, kUnlimited).value_or(limits.processes);
  section.refuse("nofile", "must be written as open_files; rename it");
  section.refuse("nproc", "must be written as processes; rename it");
  section.refuse("as", "must be written as memory; rename it");
  section.finish();
  return limits;
}

NetworkOptions read_network_options(const YamlNode& node, Diagnostics& diagnostics) {
  NetworkOptions options;
  SectionReader section(node, "network", diagnostics);
  options.interface = section.text("interface").value_or("");
  section.finish();
  return options;
}

LoggingOptions read_logging_options(const YamlNode& node, Diagnostics& diagnostics) {
  LoggingOptions options;
  SectionReader section(node, "logging", diagnostics);
  options.level = section.choice("level", kLogLevelWords).value_or(options.level);
  options.coordinator = section.boolean("coordinator").value_or(options.coordinator);
  section.finish();
  return options;
}

OutputOptions read_output_options(const YamlNode& node, const std::string& directory, Diagnostics& diagnostics) {
  OutputOptions options;
  SectionReader section(node, "output", diagnostics);
  options.directory = section.path("directory", directory).value_or("");
  if (const YamlNode* ranks = section.take("ranks")) {
    if (ranks->kind == YamlNode::Kind::kList) {
      options.ranks = read_rank_list(*ranks, section);
    } else if (ranks->kind != YamlNode::Kind::kScalar || ranks->text != "all") {
      section.error(*ranks, concat("must be all or a list of global ranks, but is ", describe_node(*ranks),
                                   "; write [0], or [] for none"));
    }
  }
  constexpr int64_t kLeastLogBytes = 1'024;
  options.rotate_bytes = section.size_or("rotate", kLeastLogBytes, {"never", 0}).value_or(options.rotate_bytes);
  section.finish();
  return options;
}

}  // namespace fabric::job
