#include "runtime/strategies/ddp_strategy.h"

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/peer_failure.h"
#include "runtime/collectives/process_group.h"

namespace fabric {

void validate(const DdpOptions& options) {
  const auto check = [](bool positive, const char* field) {
    if (!positive) throw UsageError(concat("DdpOptions::", field, " must be positive"));
  };
  check(options.bucket_bytes > 0, "bucket_bytes");
  check(options.first_bucket_bytes > 0, "first_bucket_bytes");
  check(options.timeout.count() > 0, "timeout");
}

std::unique_ptr<Strategy> make_ddp_strategy(const DdpOptions& options) {
  validate(options);
  return std::make_unique<DdpStrategy>(options);
}

void DdpStrategy::setup_environment(Environment& environment, Accelerator& accelerator) {
  device_ = accelerator.device(environment.local_rank());
  accelerator.setup(device_);
  const c10::intrusive_ptr<c10d::Store> store = environment.store();
  const auto timeout = environment.waits_without_limit() ? kLongestTimeout : options_.timeout;
  group_ = make_process_group(store, environment.global_rank(), environment.world_size(),
                              accelerator.process_group_backend(), environment.address(), timeout);
  collective_.emplace(group_, store->clone(), device_);
}

Collective& DdpStrategy::collective() {
  if (!collective_) throw InternalError("strategy 'ddp' must be set up before it is used");
  return *collective_;
}

std::shared_ptr<StrategyModule> DdpStrategy::setup_module(const ModuleParameters& module) {
  auto made = std::make_shared<DdpModule>(module, group_, options_);
  modules_.push_back(made);
  return made;
}

void DdpStrategy::backward(const at::Tensor& loss) {
  const std::vector<std::shared_ptr<DdpModule>> modules = prepare(loss);
  try {
    loss.backward();
  } catch (const std::exception&) {
    for (const auto& module : modules) module->abandon();
    rethrow_as_peer_error("the exchange of gradients failed, because another rank left or did not come");
  }
  for (const auto& module : modules) module->finish();
}

Strategy::DataShare DdpStrategy::data_share() const {
  if (!group_) throw InternalError("strategy 'ddp' must be set up before it is used");
  return {.num_replicas = group_->getSize(), .rank = group_->getRank()};
}

std::vector<std::shared_ptr<DdpModule>> DdpStrategy::prepare(const at::Tensor& loss) {
  std::erase_if(modules_, [](const std::weak_ptr<DdpModule>& module) { return module.expired(); });
  const AutogradGraph graph(loss);
  std::vector<std::shared_ptr<DdpModule>> prepared;
  try {
    for (const std::weak_ptr<DdpModule>& weak : modules_) {
      const std::shared_ptr<DdpModule> module = weak.lock();
      if (!module->backward_sync() || !module->is_reached(graph)) continue;
      prepared.push_back(module);
      module->prepare(loss, graph);
    }
  } catch (const std::exception&) {
    for (const auto& module : prepared) module->abandon();
    rethrow_as_peer_error("the exchange of gradients failed, because another rank left or did not come");
  }
  return prepared;
}

}  // namespace fabric
