#include "runtime/api/run_state.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>

#include "core/concat.h"
#include "fabric/epoch_cursor.h"
#include "fabric/error.h"
#include "runtime/api/fabric_core.h"

namespace fabric {
namespace {

constexpr int64_t kVersion = 1;

/// The generators that a rank draws from when it names none.
std::vector<std::pair<const char*, at::Generator>> default_generators(const c10::Device& device) {
  std::vector<std::pair<const char*, at::Generator>> generators{{"cpu", at::detail::getDefaultCPUGenerator()}};
  if (!device.is_cpu()) generators.emplace_back("device", at::globalContext().defaultGenerator(device));
  return generators;
}

at::Tensor state_of(at::Generator& generator) {
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

/// Returns for each generator the states of all ranks, uint8 [world_size, bytes].
Dict collect_generators(Collective& collective, const c10::Device& device) {
  Dict states;
  for (auto& [name, generator] : default_generators(device)) {
    states.emplace_back(name, collective.all_gather(state_of(generator).to(device)).cpu());
  }
  return states;
}

void apply_generators(const Value& states, int rank, const c10::Device& device) {
  for (auto& [name, generator] : default_generators(device)) {
    const Value* const all = states.find(name);
    if (all == nullptr) continue;
    const at::Tensor mine = all->to_tensor()[rank].clone();
    const std::lock_guard lock(generator.mutex());
    generator.set_state(mine);
  }
}

List collect_loaders(const std::vector<std::weak_ptr<detail::EpochCursor>>& loaders) {
  List states;
  for (const auto& loader : loaders) {
    const auto cursor = loader.lock();
    states.push_back(cursor ? cursor->state_dict() : Value());
  }
  return states;
}

List collect_callbacks(const std::vector<std::shared_ptr<Callback>>& callbacks) {
  List states;
  for (const std::shared_ptr<Callback>& callback : callbacks) states.push_back(callback->state_dict());
  return states;
}

Dict collect_metrics(const detail::FabricCore& core) {
  Dict metrics;
  if (const std::optional<double> value = core.best_metric_value()) {
    metrics.emplace_back(core.options.checkpoint.best, *value);
  }
  return metrics;
}

int64_t seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

const Value* find_in_run_state(const Value& checkpoint, std::string_view key) {
  if (!checkpoint.is_dict()) return nullptr;
  const Value* const run_state = checkpoint.find(kRunStateKey);
  return run_state != nullptr && run_state->is_dict() ? run_state->find(key) : nullptr;
}

}  // namespace

Dict collect_run_state(detail::FabricCore& core) {
  const Environment& environment = core.environment;
  return {{"version", kVersion},
          {"step", core.step},
          {"world_size", environment.world_size()},
          {"num_nodes", environment.num_nodes()},
          {"run_id", std::filesystem::path(environment.run_directory()).filename().string()},
          {"saved_at", seconds_since_1970()},
          {"seed", static_cast<int64_t>(core.seed)},
          {"metrics", collect_metrics(core)},
          {"generators", collect_generators(core.strategy->collective(), core.strategy->device())},
          {"loaders", collect_loaders(core.loaders)},
          {"precision", Dict{{"name", core.precision->name()}, {"state", core.precision->state_dict()}}},
          {"callbacks", collect_callbacks(core.options.callbacks)}};
}

void check_run_state(const Value& run_state) {
  const int64_t version = run_state.at("version").to_int();
  if (version != kVersion) {
    throw UsageError(concat("what Fabric saved in it must be of version ", kVersion, ", but is of version ", version,
                            "; go on with the Fabric that saved it"));
  }
  for (const char* number : {"step", "seed", "world_size"}) static_cast<void>(run_state.at(number).to_int());
  for (const char* list : {"loaders", "callbacks"}) static_cast<void>(run_state.at(list).to_list());
  static_cast<void>(run_state.at("precision").at("name").to_string());
  for (const auto& [name, states] : run_state.at("generators").to_dict()) {
    const at::Tensor& all = states.to_tensor();
    if (all.dim() == 2 && all.size(0) == run_state.at("world_size").to_int() && all.scalar_type() == at::kByte)
      continue;
    throw UsageError(concat("the states of generators must be bytes, a row for each rank, but those of '", name,
                            "' have shape ", all.sizes()));
  }
}

void apply_run_state(detail::FabricCore& core, const Value& run_state) {
  core.step = run_state.at("step").to_int();
  core.seed = static_cast<uint64_t>(run_state.at("seed").to_int());
  if (run_state.at("world_size").to_int() == core.environment.world_size()) {
    apply_generators(run_state.at("generators"), core.environment.global_rank(), core.strategy->device());
  }
  core.loader_states = run_state.at("loaders").to_list();
  for (size_t i = 0; i < core.loaders.size(); ++i) core.restore_loader(i);
  const Value& precision = run_state.at("precision");
  if (precision.at("name").to_string() == core.precision->name())
    core.precision->load_state_dict(precision.at("state"));
  const List& callbacks = run_state.at("callbacks").to_list();
  for (size_t i = 0; i < std::min(callbacks.size(), core.options.callbacks.size()); ++i) {
    if (!callbacks[i].is_none()) core.options.callbacks[i]->load_state_dict(callbacks[i]);
  }
}

std::optional<int64_t> saved_step(const Value& checkpoint) {
  const Value* const step = find_in_run_state(checkpoint, "step");
  return step != nullptr && step->is_int() ? std::optional(step->to_int()) : std::nullopt;
}

std::optional<double> saved_metric(const Value& checkpoint, const std::string& name) {
  const Value* const metrics = find_in_run_state(checkpoint, "metrics");
  const Value* const metric = metrics != nullptr && metrics->is_dict() ? metrics->find(name) : nullptr;
  return metric != nullptr && metric->is_double() ? std::optional(metric->to_double()) : std::nullopt;
}

}  // namespace fabric
