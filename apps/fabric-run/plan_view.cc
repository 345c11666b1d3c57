// The plan of a run, as people and as programs read it.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "job/plan_words.h"
#include "run_plan.h"
#include "shell_words.h"

namespace fabric::launcher {
namespace {

using Json = nlohmann::ordered_json;

std::string plural(int64_t count, const char* noun) { return concat(count, ' ', noun, count == 1 ? "" : "s"); }

/// Two columns and what is left, the first ones as wide as their widest text up to `most`.
class Table {
 public:
  void add(std::string first, std::string second, std::string third = {}) {
    rows_.push_back({std::move(first), std::move(second), std::move(third)});
  }
  std::string text(const std::string& indent) const {
    constexpr size_t kMost = 44;
    size_t first = 0, second = 0;
    for (const Row& row : rows_) {
      first = std::max(first, std::min(row.first.size(), kMost));
      if (!row.third.empty()) second = std::max(second, std::min(row.second.size(), kMost));
    }
    std::string text;
    for (const Row& row : rows_) {
      std::string line = concat(indent, padded(row.first, first), "  ", padded(row.second, second), "  ", row.third);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + '\n';
    }
    return text;
  }

 private:
  struct Row {
    std::string first, second, third;
  };
  static std::string padded(std::string text, size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
  }
  std::vector<Row> rows_;
};

std::string describe(const job::ValueSource& source, const std::string& default_words = {}) {
  std::string text = source.text;
  if (source.kind == job::ValueSource::Kind::kEnvironment) text = concat("environment, ", source.text);
  if (!source.macros.empty()) text += concat(", with ", source.macros);
  if (default_words == "required") return text;
  if (!default_words.empty()) text += concat(": ", default_words);
  std::erase(text, '`');
  return text;
}

std::string source_text(const RunPlan& plan, const char* path) { return describe(job::source_of(plan.sources, path)); }

std::string value_at(const RunPlan& plan, std::string_view path) {
  for (const PlannedValue& value : plan.values) {
    if (value.path == path) return Json::parse(value.value).get<std::string>();
  }
  return {};
}

std::string threads_text(const RunPlan& plan) {
  if (plan.has_own_threads)
    return concat(plan.settings.base.env.at("OMP_NUM_THREADS"), " of each rank, by OMP_NUM_THREADS");
  if (plan.settings.base.threads_per_rank > 0) return concat(plan.settings.base.threads_per_rank, " of each rank");
  std::vector<int> counts;
  for (const process::RankCores& rank : plan.placement.ranks) counts.push_back(rank.num_cores);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  const std::string range = *least == *most ? concat(*least) : concat(*least, " to ", *most);
  return concat(range, " of each rank, its share of the ", plural(plan.cluster.nodes.front().slots, "core"),
                " of the node");
}

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

void add_binding(const RunPlan& plan, Table& table) {
  table.add("binding", concat(job::word_for(job::kBindingWords, plan.settings.base.binding)),
            source_text(plan, "binding"));
  for (size_t rank = 0; rank < plan.placement.ranks.size(); ++rank) {
    const std::vector<int>& cpus = plan.placement.ranks[rank].cpus;
    if (!cpus.empty()) table.add("", concat("local rank ", rank, " on CPUs ", numbers_text(cpus)));
  }
  if (!plan.placement.warning.empty()) table.add("", "warning: " + plan.placement.warning);
}

void add_nodes(const RunPlan& plan, Table& table) {
  const rendezvous::Settings& settings = plan.settings;
  const std::string range = settings.min_nodes == settings.max_nodes
                                ? plural(settings.max_nodes, "node")
                                : concat(settings.min_nodes, " to ", settings.max_nodes, " nodes");
  table.add("nodes", range, concat("of ", plan.cluster.nodes.size(), " there"));
  for (int i = 0; i < settings.max_nodes; ++i) {
    const cluster::ClusterNode& node = plan.cluster.nodes[static_cast<size_t>(i)];
    const int first = i * settings.ranks_per_node;
    const int last = first + settings.ranks_per_node - 1;
    table.add("", concat(node.name, " (", node.address, ", ", plural(node.slots, "core"),
                         "): ", first == last ? concat("rank ", first) : concat("ranks ", first, " to ", last)));
  }
}

Json json_of(const job::ValueSource& source) {
  Json json = {{"kind", job::name_of(source.kind)}, {"text", source.text}};
  if (!source.macros.empty()) json["macros"] = source.macros;
  return json;
}

Json json_of_ranks(const RunPlan& plan) {
  Json ranks = Json::array();
  const GenerationPlan& base = plan.settings.base;
  for (int rank = 0; rank < base.world_size; ++rank) {
    const int local_rank = rank % base.local_world_size;
    const process::RankCores& cores = plan.placement.ranks[static_cast<size_t>(local_rank)];
    const int threads = base.threads_per_rank > 0 ? base.threads_per_rank : cores.num_cores;
    ranks.push_back({{"rank", rank},
                     {"local_rank", local_rank},
                     {"node", plan.cluster.nodes[static_cast<size_t>(rank / base.local_world_size)].name},
                     {"threads", plan.has_own_threads ? Json(base.env.at("OMP_NUM_THREADS")) : Json(threads)},
                     {"cpus", cores.cpus}});
  }
  return ranks;
}

}  // namespace

std::string plan_text(const RunPlan& plan) {
  const GenerationPlan& base = plan.settings.base;
  Table facts;
  facts.add("job", plan.job_name, source_text(plan, "name"));
  facts.add("program", value_at(plan, "program"), source_text(plan, "program"));
  facts.add("run directory", base.run_directory);
  facts.add("environment", plan.cluster.environment, plan.cluster.evidence);
  add_nodes(plan, facts);
  facts.add("devices", concat(base.local_world_size, " on each node"), source_text(plan, "fabric.devices"));
  facts.add("ranks", plural(base.world_size, "rank"));
  facts.add("accelerator", "cpu", source_text(plan, "fabric.accelerator"));
  facts.add("strategy", plan.strategy, source_text(plan, "fabric.strategy"));
  facts.add("precision", value_at(plan, "fabric.precision"), source_text(plan, "fabric.precision"));
  facts.add("threads", threads_text(plan),
            source_text(plan, plan.has_own_threads ? "env.set.OMP_NUM_THREADS" : "threads"));
  add_binding(plan, facts);
  facts.add("start method", concat(job::word_for(job::kStartMethodWords, base.start_method)),
            source_text(plan, "start_method"));
  std::string text = facts.text("") + "\ncommands\n";
  for (const PlannedCommand& command : plan.commands) {
    text += concat("  ", command.starter, " starts ", command.purpose, ":\n    ", join_words(command.words), '\n');
  }
  Table values;
  for (const PlannedValue& value : plan.values) {
    values.add(value.path, value.value.empty() ? "-" : value.value, describe(value.source, value.default_words));
  }
  return concat(text, "\nvalues\n", values.text("  "), "\nnothing was started\n");
}

std::string plan_json(const RunPlan& plan) {
  const GenerationPlan& base = plan.settings.base;
  Json nodes = Json::array(), commands = Json::array(), values = Json::array();
  for (const cluster::ClusterNode& node : plan.cluster.nodes) {
    nodes.push_back({{"name", node.name}, {"address", node.address}, {"cores", node.slots}});
  }
  for (const PlannedCommand& command : plan.commands) {
    commands.push_back({{"starter", command.starter}, {"purpose", command.purpose}, {"words", command.words}});
  }
  for (const PlannedValue& value : plan.values) {
    values.push_back({{"path", value.path},
                      {"value", value.value.empty() ? Json() : Json::parse(value.value)},
                      {"source", json_of(value.source)}});
  }
  const Json object = {{"job", plan.job_name},
                       {"environment", {{"name", plan.cluster.environment}, {"evidence", plan.cluster.evidence}}},
                       {"nodes", nodes},
                       {"min_nodes", plan.settings.min_nodes},
                       {"max_nodes", plan.settings.max_nodes},
                       {"devices", base.local_world_size},
                       {"world_size", base.world_size},
                       {"accelerator", "cpu"},
                       {"strategy", plan.strategy},
                       {"binding", job::word_for(job::kBindingWords, base.binding)},
                       {"warning", plan.placement.warning.empty() ? Json() : Json(plan.placement.warning)},
                       {"start_method", job::word_for(job::kStartMethodWords, base.start_method)},
                       {"run_directory", base.run_directory},
                       {"ranks", json_of_ranks(plan)},
                       {"commands", commands},
                       {"values", values}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fabric::launcher
