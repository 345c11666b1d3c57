#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty_like.h>

#include "fabric/optim.h"
#include "runtime/optim/fused_batch.h"

namespace fabric::optim {
namespace {

/// Collects the parameters that have a gradient; the first step of those with momentum is a batch of its own.
FusedBatches collect(torch::optim::Optimizer& optimizer, const torch::optim::OptimizerParamGroup& group,
                     bool momentum) {
  FusedBatches batches;
  for (const at::Tensor& parameter : group.params()) {
    if (!parameter.grad().defined()) continue;
    check_fusable(parameter);
    if (!momentum) {
      batches[fused_key(parameter, false)].add(parameter, {});
      continue;
    }
    auto& entry = optimizer.state()[parameter.unsafeGetTensorImpl()];
    if (entry == nullptr) entry = std::make_unique<torch::optim::SGDParamState>();
    at::Tensor& buffer = static_cast<torch::optim::SGDParamState&>(*entry).momentum_buffer();
    const bool is_first = !buffer.defined();
    if (is_first) buffer = at::empty_like(parameter);
    batches[fused_key(parameter, is_first)].add(parameter, {&buffer});
  }
  return batches;
}

}  // namespace

at::Tensor SGD::step(LossClosure closure) {
  const at::NoGradGuard no_grad;
  at::Tensor loss = evaluate(closure);
  for (torch::optim::OptimizerParamGroup& group : param_groups()) {
    const auto& options = static_cast<const SGDOptions&>(group.options());
    const bool momentum = options.momentum() != 0;
    for (const auto& [key, batch] : collect(*this, group, momentum)) {
      at::_fused_sgd_(batch.parameters, batch.gradients, momentum ? batch.states[0] : std::vector<at::Tensor>{},
                      options.weight_decay(), options.momentum(), options.lr(), options.dampening(), options.nesterov(),
                      /*maximize=*/false, /*is_first_step=*/std::get<3>(key) != 0);
      batch.finish();
    }
  }
  return loss;
}

}  // namespace fabric::optim
