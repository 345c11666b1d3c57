// The plan of a run, as people and as programs read it.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/thread_count.h"
#include "job/plan_words.h"
#include "run_plan.h"
#include "shell_words.h"

namespace fabric::launcher {
namespace {

using Json = nlohmann::ordered_json;

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

Json json_of(const job::ValueSource& source) {
  Json json = {{"kind", job::name_of(source.kind)}, {"text", source.text}};
  if (!source.macros.empty()) json["macros"] = source.macros;
  return json;
}

Json json_of_ranks(const RunPlan& plan) {
  Json ranks = Json::array();
  const GenerationPlan& base = plan.settings.base;
  const int threads = threads_of(base);
  for (int rank = 0; rank < base.world_size; ++rank) {
    const int local_rank = rank % base.local_world_size;
    const process::RankCores& cores = plan.placement.ranks[static_cast<size_t>(local_rank)];
    ranks.push_back({{"rank", rank},
                     {"local_rank", local_rank},
                     {"node", plan.cluster.nodes[static_cast<size_t>(rank / base.local_world_size)].name},
                     {"threads", threads > 0 ? threads : cores.num_cores},
                     {"cpus", cores.cpus}});
  }
  return ranks;
}

}  // namespace

std::string plan_text(const RunPlan& plan) {
  Table facts;
  for (const PlannedFact& fact : plan.facts) facts.add(fact.name, fact.value, fact.source);
  std::string text = facts.text("") + "\ncommands\n";
  for (const PlannedCommand& command : plan.commands) {
    text += concat("  ", command.starter, " starts ", command.purpose, " (", command.source, "):\n    ",
                   join_words(command.words), '\n');
  }
  Table values;
  for (const PlannedValue& value : plan.values) {
    values.add(value.path, value.value.empty() ? "-" : value.value, describe(value.source, value.default_words));
  }
  return concat(text, "\nvalues\n", values.text("  "), "\nnothing was started\n");
}

std::string plan_json(const RunPlan& plan) {
  const GenerationPlan& base = plan.settings.base;
  Json nodes = Json::array(), commands = Json::array(), values = Json::array(), facts = Json::array();
  for (const PlannedFact& fact : plan.facts) {
    facts.push_back({{"name", fact.name}, {"value", fact.value}, {"source", fact.source}});
  }
  for (const cluster::ClusterNode& node : plan.cluster.nodes) {
    nodes.push_back({{"name", node.name}, {"address", node.address}, {"cores", node.slots}});
  }
  for (const PlannedCommand& command : plan.commands) {
    commands.push_back({{"starter", command.starter},
                        {"purpose", command.purpose},
                        {"words", command.words},
                        {"source", command.source}});
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
                       {"facts", facts},
                       {"values", values}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fabric::launcher
