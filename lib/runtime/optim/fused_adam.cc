#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

#include "fabric/optim.h"
#include "runtime/optim/fused_batch.h"

namespace fabric::optim {
namespace {

template <class State>
State& state_of(torch::optim::Optimizer& optimizer, const at::Tensor& parameter, bool amsgrad) {
  auto& entry = optimizer.state()[parameter.unsafeGetTensorImpl()];
  if (entry == nullptr) {
    auto made = std::make_unique<State>();
    made->step(0);
    made->exp_avg(at::zeros_like(parameter));
    made->exp_avg_sq(at::zeros_like(parameter));
    entry = std::move(made);
  }
  auto& state = static_cast<State&>(*entry);
  if (amsgrad && !state.max_exp_avg_sq().defined()) state.max_exp_avg_sq(at::zeros_like(parameter));
  return state;
}

/// Counts a step of each parameter that has a gradient, and collects them.
template <class State>
FusedBatches collect(torch::optim::Optimizer& optimizer, const torch::optim::OptimizerParamGroup& group, bool amsgrad) {
  FusedBatches batches;
  for (const at::Tensor& parameter : group.params()) {
    if (!parameter.grad().defined()) continue;
    check_fusable(parameter);
    State& state = state_of<State>(optimizer, parameter, amsgrad);
    state.step(state.step() + 1);
    // One number for all parameters that made as many steps, which are all of them as a rule.
    FusedBatch& batch = batches[fused_key(parameter, state.step())];
    const auto on_device = at::TensorOptions(at::kFloat).device(parameter.device());
    batch.steps.push_back(batch.steps.empty() ? at::full({}, static_cast<double>(state.step()), on_device)
                                              : batch.steps.front());
    at::Tensor unused;
    batch.add(parameter, {&state.exp_avg(), &state.exp_avg_sq(), amsgrad ? &state.max_exp_avg_sq() : &unused});
  }
  return batches;
}

template <class State, class Options, class Kernel>
at::Tensor step_with(torch::optim::Optimizer& optimizer, const torch::optim::Optimizer::LossClosure& closure,
                     const Kernel& kernel) {
  const at::NoGradGuard no_grad;
  at::Tensor loss = evaluate(closure);
  for (torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    const auto& options = static_cast<const Options&>(group.options());
    const auto& [beta1, beta2] = options.betas();
    for (const auto& [key, batch] : collect<State>(optimizer, group, options.amsgrad())) {
      kernel(batch.parameters, batch.gradients, batch.states[0], batch.states[1], batch.states[2], batch.steps,
             options.lr(), beta1, beta2, options.weight_decay(), options.eps(), options.amsgrad(), /*maximize=*/false,
             std::nullopt, std::nullopt);
      batch.finish();
    }
  }
  return loss;
}

}  // namespace

at::Tensor AdamW::step(LossClosure closure) {
  return step_with<torch::optim::AdamWParamState, AdamWOptions>(
      *this, closure, [](auto&&... arguments) { at::_fused_adamw_(arguments...); });
}

at::Tensor Adam::step(LossClosure closure) {
  return step_with<torch::optim::AdamParamState, AdamOptions>(
      *this, closure, [](auto&&... arguments) { at::_fused_adam_(arguments...); });
}

}  // namespace fabric::optim
