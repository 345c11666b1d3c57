#include "fabric/optimizer.h"

#include <torch/optim/optimizer.h>

#include "runtime/api/optimizer_core.h"
#include "runtime/api/optimizer_state.h"

namespace fabric {
namespace detail {

at::Tensor OptimizerCore::step(const std::function<at::Tensor()>& closure) {
  if (!closure) return precision_.optimizer_step(*optimizer_, nullptr);
  return precision_.optimizer_step(*optimizer_, [this, &closure] { return mean_over_ranks(closure()); });
}

at::Tensor OptimizerCore::mean_over_ranks(const at::Tensor& loss) {
  if (collective_.world_size() == 1) return loss;
  at::Tensor mean = loss.detach().clone();
  collective_.all_reduce(mean, ReduceOp::kMean);
  return mean;
}

}  // namespace detail

namespace {

/// Fills a gradient with zeros where it lies: it may be a view of a bucket, which detach_() refuses.
void fill_with_zeros(at::Tensor& gradient) {
  if (gradient.grad_fn()) {
    gradient = gradient.detach();
  } else {
    gradient.requires_grad_(false);
  }
  gradient.zero_();
}

}  // namespace

at::Tensor Optimizer::step() { return step(nullptr); }

at::Tensor Optimizer::step(const std::function<at::Tensor()>& closure) {
  at::Tensor loss = core_->step(closure);
  core_->after_step(*this);
  return loss;
}

void Optimizer::zero_grad(bool set_to_none) {
  for (torch::optim::OptimizerParamGroup& group : get().param_groups()) {
    for (at::Tensor& parameter : group.params()) {
      at::Tensor& gradient = parameter.mutable_grad();
      if (!gradient.defined()) continue;
      if (set_to_none) {
        gradient.reset();
      } else {
        fill_with_zeros(gradient);
      }
    }
  }
}

double Optimizer::lr() const { return get().param_groups().at(0).options().get_lr(); }

void Optimizer::set_lr(double lr) {
  for (torch::optim::OptimizerParamGroup& group : get().param_groups()) group.options().set_lr(lr);
}

torch::optim::Optimizer& Optimizer::get() const { return core_->optimizer(); }

Value Optimizer::state_dict() const { return optimizer_state_dict(get()); }

PendingLoad Optimizer::prepare_load(const Value& value) const { return prepare_optimizer_load(get(), value); }

}  // namespace fabric
