#include "job/fabric_words.h"

#include <algorithm>

#include "job/device_request.h"
#include "job/scalar.h"
#include "job/section_reader.h"
#include "job/vocabulary.h"

namespace fabric::job {
namespace {

const Vocabulary& accelerators() {
  static const Vocabulary kWords{{"auto", "cpu"}, {"cuda", "gpu", "mps", "tpu"}, "use auto or cpu"};
  return kWords;
}

const Vocabulary& strategies() {
  static const Vocabulary kWords{
      {"auto", "single_device", "ddp"},
      {"ddp_find_unused_parameters_true", "ddp_spawn", "ddp_fork", "ddp_notebook", "dp", "fsdp", "fsdp_cpu_offload",
       "deepspeed", "deepspeed_stage_1", "deepspeed_stage_1_offload", "deepspeed_stage_2", "deepspeed_stage_2_offload",
       "deepspeed_stage_3", "deepspeed_stage_3_offload", "deepspeed_stage_3_offload_nvme", "xla", "single_xla",
       "xla_fsdp", "single_tpu"},
      "use auto, single_device or ddp"};
  return kWords;
}

const Vocabulary& precisions() {
  static const Vocabulary kWords{
      {"32-true"},
      {"64-true", "16-true", "16-mixed", "bf16-true", "bf16-mixed", "transformer-engine", "transformer-engine-float16"},
      "use 32-true"};
  return kWords;
}

const Vocabulary& loggers() {
  static const Vocabulary kWords{{"csv"}, {"tensorboard"}, "use csv"};
  return kWords;
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The text of a scalar whatever type it has: `precision: 32`, `devices: "2"`.
std::optional<std::string> word_of(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) return std::nullopt;
  return node.text;
}

/// Lightning Fabric's short names of precisions.
std::string without_alias(const std::string& precision) {
  static const std::vector<std::pair<std::string, std::string>> kAliases = {
      {"32", "32-true"}, {"64", "64-true"}, {"16", "16-mixed"}, {"bf16", "bf16-mixed"}};
  for (const auto& [alias, meaning] : kAliases) {
    if (precision == alias) return meaning;
  }
  return precision;
}

/// As Lightning Fabric: `dp` splits a batch over the accelerators of one process, so that the CPU, which every accelerator of
/// this version is, takes ddp for it.
void read_strategy(SectionReader& section, std::string& value, Diagnostics& diagnostics) {
  const YamlNode* node = section.take("strategy");
  if (node != nullptr && node->kind == YamlNode::Kind::kScalar && lower_case(node->text) == "dp") {
    diagnostics.warning(node->mark, "'fabric.strategy' dp is for accelerators; ddp is taken on the CPU; write ddp");
    value = "ddp";
  } else {
    read_word(section, "strategy", strategies(), value);
  }
}

void read_precision(SectionReader& section, std::string& value) {
  const YamlNode* node = section.take("precision");
  if (node == nullptr || node->kind == YamlNode::Kind::kNull) return;
  auto word = word_of(*node);
  if (!word.has_value()) {
    section.error(*node, concat("must be a word such as 32-true, but is ", describe_node(*node), "; use 32-true"));
    return;
  }
  word = without_alias(*word);
  if (const auto fault = refuse_word(precisions(), *word)) {
    section.error(*node, *fault);
  } else {
    value = *word;
  }
}

/// Every accelerator of this version is the CPU.
void read_devices(SectionReader& section, std::optional<int>& value) {
  const YamlNode* node = section.take("devices");
  if (node == nullptr) return;
  const auto request = read_device_request(*node);
  if (!request.ok()) return section.error(*node, request.error().message());
  const auto devices = choose_devices(*request, {.is_cpu = true});
  if (!devices.ok()) return section.error(*node, devices.error().message());
  if (request->kind != DeviceRequest::Kind::kAuto) value = static_cast<int>(devices->size());
}

void read_num_nodes(SectionReader& section, int& value) {
  constexpr int64_t kMost = 100'000;
  const YamlNode* node = section.take("num_nodes");
  if (node == nullptr) return;
  const auto word = word_of(*node);
  const auto number =
      word.has_value() ? plain_integer(*word) : std::nullopt;  // in quotes too, as Lightning Fabric allows
  if (number.has_value() && *number >= 1 && *number <= kMost) {
    value = static_cast<int>(*number);
  } else {
    section.error(*node, concat("must be an integer from 1 to ", kMost, ", but is ", describe_node(*node),
                                "; write how many nodes"));
  }
}

void read_loggers(SectionReader& section, std::vector<std::string>& value) {
  const YamlNode* node = section.take("loggers");
  if (node == nullptr || node->kind == YamlNode::Kind::kNull) return;
  std::vector<YamlNode> items = node->kind == YamlNode::Kind::kList ? node->children : std::vector<YamlNode>{*node};
  for (YamlNode& item : items) {
    item.key = "loggers";
    const auto word = word_of(item);
    if (!word.has_value()) {
      section.error(item, concat("must be a name or a list of names, but has ", describe_node(item), "; write [csv]"));
    } else if (const auto fault = refuse_word(loggers(), *word)) {
      section.error(item, *fault);
    } else if (contains(value, *word)) {
      section.error(item, concat("must name each logger once, but names '", *word, "' twice; remove one"));
    } else {
      value.push_back(*word);
    }
  }
}

void check_single_device(const YamlNode& node, const FabricOptions& options, Diagnostics& diagnostics) {
  const int devices = options.devices.value_or(1);
  if (options.strategy != "single_device" || (devices == 1 && options.num_nodes == 1)) return;
  SourceMark mark = node.find("strategy")->mark;
  if (devices > 1) mark = diagnostics.blamed(mark, node.find("devices")->mark);
  if (options.num_nodes > 1) mark = diagnostics.blamed(mark, node.find("num_nodes")->mark);
  diagnostics.error(mark,
                    concat("'fabric.strategy' must be auto or ddp for more than one rank, but is 'single_device' with "
                           "devices: ",
                           devices, " and num_nodes: ", options.num_nodes, "; use ddp"));
}

}  // namespace

std::string strategy_for(const std::string& strategy, int world_size) {
  if (strategy != "auto") return strategy;
  return world_size > 1 ? "ddp" : "single_device";
}

int ranks_per_node(const FabricOptions& options) {
  if (options.devices.has_value()) return *options.devices;
  return static_cast<int>(choose_devices({}, {.is_cpu = true})->size());
}

bool is_same_word(std::string_view key, const YamlNode& a, const YamlNode& b) {
  if (key == "devices") {
    const auto left = read_device_request(a), right = read_device_request(b);
    if (left.ok() && right.ok()) return *left == *right;
  }
  if (a.kind != YamlNode::Kind::kScalar || b.kind != YamlNode::Kind::kScalar) return false;
  return key == "precision" ? without_alias(a.text) == without_alias(b.text) : lower_case(a.text) == lower_case(b.text);
}

FabricOptions read_fabric_options(const YamlNode& node, Diagnostics& diagnostics) {
  FabricOptions options;
  SectionReader section(node, "fabric", diagnostics);
  read_word(section, "accelerator", accelerators(), options.accelerator);
  read_strategy(section, options.strategy, diagnostics);
  read_devices(section, options.devices);
  read_num_nodes(section, options.num_nodes);
  read_precision(section, options.precision);
  read_loggers(section, options.loggers);
  for (const char* word : {"plugins", "callbacks"}) {
    section.refuse(
        word,
        "must be left out, as it is not there yet in this version, but stands here; do it in the program, or remove "
        "the key");
  }
  section.finish();
  check_single_device(node, options, diagnostics);
  return options;
}

}  // namespace fabric::job
