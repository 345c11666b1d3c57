#include "fabric/fabric.h"

#include <iostream>

#include "core/concat.h"
#include "runtime/api/agreement.h"
#include "runtime/api/fabric_core.h"

namespace fabric {

Fabric::Fabric(Environment& environment, Options options) : core_(make_fabric_core(environment, std::move(options))) {}

Fabric::~Fabric() = default;

int Fabric::global_rank() const { return core_->environment.global_rank(); }

int Fabric::local_rank() const { return core_->environment.local_rank(); }

int Fabric::node_rank() const { return core_->environment.node_rank(); }

int Fabric::world_size() const { return core_->environment.world_size(); }

int Fabric::restart_count() const { return core_->environment.restart_count(); }

c10::Device Fabric::device() const { return core_->strategy->device(); }

Strategy& Fabric::strategy() const { return *core_->strategy; }

Accelerator& Fabric::accelerator() const { return *core_->accelerator; }

Precision& Fabric::precision() const { return *core_->precision; }

const std::vector<std::shared_ptr<Logger>>& Fabric::loggers() const { return core_->loggers; }

const std::vector<std::shared_ptr<Callback>>& Fabric::callbacks() const { return core_->options.callbacks; }

uint64_t Fabric::seed_everything(std::optional<uint64_t> seed) {
  core_->seed = fabric::seed_everything(seed ? *seed : core_->options.seed.value_or(0));
  return core_->seed;
}

uint64_t Fabric::loader_seed() const { return core_->seed; }

void Fabric::print_line(std::string line) const {
  line += '\n';
  std::cout << line << std::flush;
}

void Fabric::log(std::string_view name, double value, std::optional<int64_t> step) {
  note_best_metric(name, value);
  if (!core_->loggers.empty()) core_->metrics.add(std::string(name), value, step.value_or(core_->step));
}

void Fabric::log(std::string_view name, const at::Tensor& value, std::optional<int64_t> step) {
  if (value.numel() != 1) {
    throw UsageError(concat("a metric must be a tensor of one element, but '", name, "' has shape ", value.sizes(),
                            "; log its mean, or each element under a name of its own"));
  }
  const at::Tensor kept = value.detach().clone();
  note_best_metric(name, kept);
  if (!core_->loggers.empty()) core_->metrics.add(std::string(name), kept, step.value_or(core_->step));
}

void Fabric::note_best_metric(std::string_view name, std::variant<double, at::Tensor> value) {
  if (is_global_zero() && name == core_->options.checkpoint.best) core_->best_metric = std::move(value);
}

void Fabric::log_dict(const std::map<std::string, double>& metrics, std::optional<int64_t> step) {
  for (const auto& [name, value] : metrics) log(name, value, step);
}

void Fabric::log_dict(const std::map<std::string, at::Tensor>& metrics, std::optional<int64_t> step) {
  for (const auto& [name, value] : metrics) log(name, value, step);
}

void Fabric::finalize(const std::string& status) {
  if (core_->finalized) return;
  core_->finalized = true;
  core_->metrics.write_all(core_->loggers);
  for (const std::shared_ptr<Logger>& logger : core_->loggers) logger->finalize(status);
}

}  // namespace fabric
