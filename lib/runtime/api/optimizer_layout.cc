#include "runtime/api/optimizer_layout.h"

#include <c10/util/Type.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include "core/concat.h"
#include "fabric/optim.h"
#include "runtime/api/lbfgs_layout.h"
#include "runtime/api/optimizer_fields.h"

namespace fabric {
namespace {

/// Returns the state that the parameter has had, to be filled anew, or a new one.
template <class State>
std::unique_ptr<State> reused(std::unique_ptr<torch::optim::OptimizerParamState> old) {
  return old == nullptr ? std::make_unique<State>() : std::unique_ptr<State>(static_cast<State*>(old.release()));
}

template <bool kFused>
Dict save_sgd_options(const torch::optim::OptimizerOptions& base) {
  const auto& options = static_cast<const torch::optim::SGDOptions&>(base);
  Dict group{{"lr", options.lr()},
             {"momentum", options.momentum()},
             {"dampening", options.dampening()},
             {"weight_decay", options.weight_decay()},
             {"nesterov", options.nesterov()}};
  add_python_options(group, {"maximize", "foreach", "differentiable", "fused"}, kFused);
  return group;
}

void load_sgd_options(torch::optim::OptimizerOptions& base, const Value& group) {
  refuse_maximize(group);
  static_cast<torch::optim::SGDOptions&>(base)
      .lr(group.at("lr").to_double())
      .momentum(group.at("momentum").to_double())
      .dampening(group.at("dampening").to_double())
      .weight_decay(group.at("weight_decay").to_double())
      .nesterov(group.at("nesterov").to_bool());
}

Dict save_sgd_state(const torch::optim::OptimizerParamState& base) {
  Dict state;
  save_tensor(state, "momentum_buffer", static_cast<const torch::optim::SGDParamState&>(base).momentum_buffer());
  return state;
}

void check_sgd_state(const Value& value, const std::vector<at::Tensor>& parameters, size_t index) {
  check_optional(value, "momentum_buffer", parameters[index]);
}

std::unique_ptr<torch::optim::OptimizerParamState> load_sgd_state(
    const Value& value, const at::Tensor& parameter, std::unique_ptr<torch::optim::OptimizerParamState> old) {
  auto state = reused<torch::optim::SGDParamState>(std::move(old));
  load_tensor(value, "momentum_buffer", parameter, state->momentum_buffer());
  return state;
}

template <class Options, bool kFused>
Dict save_adam_options(const torch::optim::OptimizerOptions& base) {
  const auto& options = static_cast<const Options&>(base);
  Dict group{{"lr", options.lr()},
             {"betas", List{std::get<0>(options.betas()), std::get<1>(options.betas())}},
             {"eps", options.eps()},
             {"weight_decay", options.weight_decay()},
             {"amsgrad", options.amsgrad()}};
  add_python_options(group, {"maximize", "foreach", "capturable", "differentiable", "fused"}, kFused);
  group.emplace_back("decoupled_weight_decay", std::is_same_v<Options, torch::optim::AdamWOptions>);
  return group;
}

template <class Options>
void load_adam_options(torch::optim::OptimizerOptions& base, const Value& group) {
  refuse_maximize(group);
  const List& betas = group.at("betas").to_list();
  if (betas.size() != 2) throw UsageError(concat("an optimizer's 'betas' must be two numbers, but are ", betas.size()));
  static_cast<Options&>(base)
      .lr(group.at("lr").to_double())
      .betas({betas[0].to_double(), betas[1].to_double()})
      .eps(group.at("eps").to_double())
      .weight_decay(group.at("weight_decay").to_double())
      .amsgrad(group.at("amsgrad").to_bool());
}

template <class State>
Dict save_adam_state(const torch::optim::OptimizerParamState& base) {
  const auto& state = static_cast<const State&>(base);
  Dict dict{{"step", save_step(state.step())}};
  save_tensor(dict, "exp_avg", state.exp_avg());
  save_tensor(dict, "exp_avg_sq", state.exp_avg_sq());
  save_tensor(dict, "max_exp_avg_sq", state.max_exp_avg_sq());
  return dict;
}

void check_adam_state(const Value& value, const std::vector<at::Tensor>& parameters, size_t index) {
  load_step(value);
  check_tensor(value, "exp_avg", parameters[index]);
  check_tensor(value, "exp_avg_sq", parameters[index]);
  check_optional(value, "max_exp_avg_sq", parameters[index]);
}

template <class State>
std::unique_ptr<torch::optim::OptimizerParamState> load_adam_state(
    const Value& value, const at::Tensor& parameter, std::unique_ptr<torch::optim::OptimizerParamState> old) {
  auto state = reused<State>(std::move(old));
  state->step(load_step(value));
  load_tensor(value, "exp_avg", parameter, state->exp_avg());
  load_tensor(value, "exp_avg_sq", parameter, state->exp_avg_sq());
  load_tensor(value, "max_exp_avg_sq", parameter, state->max_exp_avg_sq());
  return state;
}

Dict save_rmsprop_options(const torch::optim::OptimizerOptions& base) {
  const auto& options = static_cast<const torch::optim::RMSpropOptions&>(base);
  Dict group{{"lr", options.lr()},   {"momentum", options.momentum()}, {"alpha", options.alpha()},
             {"eps", options.eps()}, {"centered", options.centered()}, {"weight_decay", options.weight_decay()}};
  add_python_options(group, {"capturable", "foreach", "maximize", "differentiable"});
  return group;
}

void load_rmsprop_options(torch::optim::OptimizerOptions& base, const Value& group) {
  refuse_maximize(group);
  static_cast<torch::optim::RMSpropOptions&>(base)
      .lr(group.at("lr").to_double())
      .momentum(group.at("momentum").to_double())
      .alpha(group.at("alpha").to_double())
      .eps(group.at("eps").to_double())
      .centered(group.at("centered").to_bool())
      .weight_decay(group.at("weight_decay").to_double());
}

Dict save_rmsprop_state(const torch::optim::OptimizerParamState& base) {
  const auto& state = static_cast<const torch::optim::RMSpropParamState&>(base);
  Dict dict{{"step", save_step(state.step())}};
  save_tensor(dict, "square_avg", state.square_avg());
  save_tensor(dict, "momentum_buffer", state.momentum_buffer());
  save_tensor(dict, "grad_avg", state.grad_avg());
  return dict;
}

void check_rmsprop_state(const Value& value, const std::vector<at::Tensor>& parameters, size_t index) {
  load_step(value);
  check_tensor(value, "square_avg", parameters[index]);
  check_optional(value, "momentum_buffer", parameters[index]);
  check_optional(value, "grad_avg", parameters[index]);
}

std::unique_ptr<torch::optim::OptimizerParamState> load_rmsprop_state(
    const Value& value, const at::Tensor& parameter, std::unique_ptr<torch::optim::OptimizerParamState> old) {
  auto state = reused<torch::optim::RMSpropParamState>(std::move(old));
  state->step(load_step(value));
  load_tensor(value, "square_avg", parameter, state->square_avg());
  load_tensor(value, "momentum_buffer", parameter, state->momentum_buffer());
  load_tensor(value, "grad_avg", parameter, state->grad_avg());
  return state;
}

Dict save_adagrad_options(const torch::optim::OptimizerOptions& base) {
  const auto& options = static_cast<const torch::optim::AdagradOptions&>(base);
  Dict group{{"lr", options.lr()},
             {"lr_decay", options.lr_decay()},
             {"eps", options.eps()},
             {"weight_decay", options.weight_decay()},
             {"initial_accumulator_value", options.initial_accumulator_value()}};
  add_python_options(group, {"foreach", "maximize", "differentiable", "fused"});
  return group;
}

void load_adagrad_options(torch::optim::OptimizerOptions& base, const Value& group) {
  refuse_maximize(group);
  static_cast<torch::optim::AdagradOptions&>(base)
      .lr(group.at("lr").to_double())
      .lr_decay(group.at("lr_decay").to_double())
      .eps(group.at("eps").to_double())
      .weight_decay(group.at("weight_decay").to_double())
      .initial_accumulator_value(group.at("initial_accumulator_value").to_double());
}

Dict save_adagrad_state(const torch::optim::OptimizerParamState& base) {
  const auto& state = static_cast<const torch::optim::AdagradParamState&>(base);
  Dict dict{{"step", save_step(state.step())}};
  save_tensor(dict, "sum", state.sum());
  return dict;
}

void check_adagrad_state(const Value& value, const std::vector<at::Tensor>& parameters, size_t index) {
  load_step(value);
  check_tensor(value, "sum", parameters[index]);
}

std::unique_ptr<torch::optim::OptimizerParamState> load_adagrad_state(
    const Value& value, const at::Tensor& parameter, std::unique_ptr<torch::optim::OptimizerParamState> old) {
  auto state = reused<torch::optim::AdagradParamState>(std::move(old));
  state->step(load_step(value));
  load_tensor(value, "sum", parameter, state->sum());
  return state;
}

}  // namespace

OptimizerLayout optimizer_layout(const torch::optim::Optimizer& optimizer) {
  using namespace torch::optim;
  const auto is = [&]<class... O>() { return ((dynamic_cast<const O*>(&optimizer) != nullptr) || ...); };
  if (is.operator()<SGD>()) {
    const bool fused = is.operator()<optim::SGD>();
    return {fused ? save_sgd_options<true> : save_sgd_options<false>, load_sgd_options, save_sgd_state, check_sgd_state,
            load_sgd_state};
  }
  if (is.operator()<Adam>()) {
    const bool fused = is.operator()<optim::Adam>();
    return {fused ? save_adam_options<AdamOptions, true> : save_adam_options<AdamOptions, false>,
            load_adam_options<AdamOptions>, save_adam_state<AdamParamState>, check_adam_state,
            load_adam_state<AdamParamState>};
  }
  if (is.operator()<AdamW>()) {
    const bool fused = is.operator()<optim::AdamW>();
    return {fused ? save_adam_options<AdamWOptions, true> : save_adam_options<AdamWOptions, false>,
            load_adam_options<AdamWOptions>, save_adam_state<AdamWParamState>, check_adam_state,
            load_adam_state<AdamWParamState>};
  }
  if (is.operator()<RMSprop>()) {
    return {save_rmsprop_options, load_rmsprop_options, save_rmsprop_state, check_rmsprop_state, load_rmsprop_state};
  }
  if (is.operator()<Adagrad>()) {
    return {save_adagrad_options, load_adagrad_options, save_adagrad_state, check_adagrad_state, load_adagrad_state};
  }
  if (is.operator()<LBFGS>()) return lbfgs_layout();
  throw UsageError(
      concat("an optimizer's state can be saved if it is SGD, Adam, AdamW, RMSprop, Adagrad or LBFGS, but this one is ",
             c10::demangle(typeid(optimizer).name()), "; leave it out of the state"));
}

}  // namespace fabric
