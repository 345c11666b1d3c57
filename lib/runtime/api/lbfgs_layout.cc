#include "runtime/api/lbfgs_layout.h"

#include <ATen/ops/full.h>
#include <torch/optim/lbfgs.h>

#include <deque>

#include "core/concat.h"
#include "runtime/api/optimizer_fields.h"

namespace fabric {
namespace {

using torch::optim::LBFGSOptions;
using torch::optim::LBFGSParamState;

Dict save_options(const torch::optim::OptimizerOptions& base) {
  const auto& options = static_cast<const LBFGSOptions&>(base);
  const auto& line_search = options.line_search_fn();
  return {{"lr", options.lr()},
          {"max_iter", options.max_iter()},
          {"max_eval", options.max_eval() ? Value(*options.max_eval()) : Value()},
          {"tolerance_grad", options.tolerance_grad()},
          {"tolerance_change", options.tolerance_change()},
          {"history_size", options.history_size()},
          {"line_search_fn", line_search ? Value(*line_search) : Value()}};
}

void load_options(torch::optim::OptimizerOptions& base, const Value& group) {
  const Value& max_eval = group.at("max_eval");
  const Value& line_search = group.at("line_search_fn");
  static_cast<LBFGSOptions&>(base)
      .lr(group.at("lr").to_double())
      .max_iter(group.at("max_iter").to_int())
      .max_eval(max_eval.is_none() ? std::nullopt : std::optional(max_eval.to_int()))
      .tolerance_grad(group.at("tolerance_grad").to_double())
      .tolerance_change(group.at("tolerance_change").to_double())
      .history_size(group.at("history_size").to_int())
      .line_search_fn(line_search.is_none() ? std::nullopt : std::optional(line_search.to_string()));
}

List to_list(const std::deque<at::Tensor>& tensors) {
  List list;
  for (const at::Tensor& tensor : tensors) list.emplace_back(tensor.detach());
  return list;
}

Dict save_state(const torch::optim::OptimizerParamState& base) {
  const auto& state = static_cast<const LBFGSParamState&>(base);
  Dict dict{{"func_evals", state.func_evals()}, {"n_iter", state.n_iter()}};
  if (!state.d().defined()) return dict;  // the first step found nothing to do
  dict.emplace_back("d", state.d().detach());
  dict.emplace_back("t", state.t());
  dict.emplace_back("old_dirs", to_list(state.old_dirs()));
  dict.emplace_back("old_stps", to_list(state.old_stps()));
  dict.emplace_back("ro", to_list(state.ro()));
  save_tensor(dict, "H_diag", state.H_diag());
  save_tensor(dict, "prev_flat_grad", state.prev_flat_grad());
  dict.emplace_back("prev_loss", state.prev_loss());
  if (state.al()) {
    List al;
    for (const at::Tensor& tensor : *state.al()) al.push_back(tensor.defined() ? Value(tensor.detach()) : Value());
    dict.emplace_back("al", std::move(al));
  }
  return dict;
}

/// Returns a copy of the tensor on the parameter's device and of its kind; numbers too, as Python has either.
at::Tensor to_tensor_like(const Value& value, const at::Tensor& parameter) {
  if (value.is_tensor()) return value.to_tensor().to(parameter.options(), /*non_blocking=*/false, /*copy=*/true);
  return at::full({}, value.to_double(), parameter.options());
}

double to_number(const Value& value) {
  return value.is_tensor() ? value.to_tensor().to(at::kDouble).item<double>() : value.to_double();
}

void check_number(const Value& state, const char* key) {
  const Value& value = state.at(key);
  if (value.is_tensor() && value.to_tensor().numel() != 1) {
    throw UsageError(
        concat("the optimizer state '", key, "' must be one number, but has the shape ", value.to_tensor().sizes()));
  }
  if (!value.is_tensor()) value.to_double();
}

void check_flat(const Value& value, const char* key, int64_t numel) {
  if (value.to_tensor().dim() == 1 && value.to_tensor().numel() == numel) return;
  throw UsageError(concat("the optimizer state '", key, "' must have the ", numel,
                          " elements of all parameters in one row, but has the shape ", value.to_tensor().sizes(),
                          "; load it into an optimizer over the same parameters"));
}

void check_state(const Value& state, const std::vector<at::Tensor>& parameters, size_t index) {
  if (index != 0) throw UsageError("the state of LBFGS must stand at its first parameter, but stands at another one");
  state.at("func_evals").to_int();
  state.at("n_iter").to_int();
  if (state.find("d") == nullptr) return;
  int64_t numel = 0;
  for (const at::Tensor& parameter : parameters) numel += parameter.numel();
  for (const char* key : {"d", "prev_flat_grad"}) check_flat(state.at(key), key, numel);
  for (const char* key : {"t", "H_diag", "prev_loss"}) check_number(state, key);
  const size_t history = state.at("ro").to_list().size();
  for (const char* key : {"old_dirs", "old_stps"}) {
    const List& list = state.at(key).to_list();
    if (list.size() != history) {
      throw UsageError(
          concat("the optimizer state '", key, "' must be as long as 'ro', ", history, ", but has ", list.size()));
    }
    for (const Value& item : list) check_flat(item, key, numel);
  }
  for (const Value& item : state.at("ro").to_list()) item.to_tensor();
  const Value* const al = state.find("al");
  if (al == nullptr) return;
  for (const Value& item : al->to_list()) {
    if (!item.is_none()) item.to_tensor();
  }
}

std::deque<at::Tensor> to_tensors(const Value& list, const at::Tensor& parameter) {
  std::deque<at::Tensor> tensors;
  for (const Value& item : list.to_list()) tensors.push_back(to_tensor_like(item, parameter));
  return tensors;
}

std::unique_ptr<torch::optim::OptimizerParamState> load_state(
    const Value& value, const at::Tensor& parameter, std::unique_ptr<torch::optim::OptimizerParamState> /*old*/) {
  auto state = std::make_unique<LBFGSParamState>();
  state->func_evals(value.at("func_evals").to_int()).n_iter(value.at("n_iter").to_int());
  if (value.find("d") == nullptr) return state;
  state->d(to_tensor_like(value.at("d"), parameter))
      .t(to_number(value.at("t")))
      .old_dirs(to_tensors(value.at("old_dirs"), parameter))
      .old_stps(to_tensors(value.at("old_stps"), parameter))
      .ro(to_tensors(value.at("ro"), parameter))
      .H_diag(to_tensor_like(value.at("H_diag"), parameter))
      .prev_flat_grad(to_tensor_like(value.at("prev_flat_grad"), parameter))
      .prev_loss(to_number(value.at("prev_loss")));
  if (const Value* const list = value.find("al")) {
    std::vector<at::Tensor> al;
    for (const Value& item : list->to_list())
      al.push_back(item.is_none() ? at::Tensor() : to_tensor_like(item, parameter));
    state->al(std::move(al));
  }
  return state;
}

}  // namespace

OptimizerLayout lbfgs_layout() { return {save_options, load_options, save_state, check_state, load_state}; }

}  // namespace fabric
