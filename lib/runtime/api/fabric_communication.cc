#include "core/concat.h"
#include "fabric/fabric.h"
#include "runtime/api/agreement.h"
#include "runtime/api/fabric_core.h"

namespace fabric {

void Fabric::barrier(std::string_view name) { core_->strategy->collective().barrier(name); }

Value Fabric::broadcast(const Value& value, int source) {
  if (source < 0 || source >= world_size()) {
    throw UsageError(
        concat("the source of a broadcast must be a rank in [0, ", world_size() - 1, "], but is ", source));
  }
  return core_->strategy->collective().broadcast(value, source);
}

void Fabric::gather_tensor(at::Tensor& tensor) { tensor = core_->strategy->collective().all_gather(tensor.detach()); }

void Fabric::reduce_tensor(at::Tensor& tensor, std::string_view op) {
  const at::NoGradGuard no_grad;
  core_->strategy->collective().all_reduce(tensor, reduce_op(op));
}

void Fabric::move_tensor(at::Tensor& tensor) const {
  if (tensor.defined()) tensor = tensor.to(device(), /*non_blocking=*/!device().is_cpu());
}

void Fabric::run_zero_first(const std::function<void()>& body, bool local) {
  const bool first = (local ? local_rank() : global_rank()) == 0;
  for (const bool turn_of_first : {true, false}) {
    std::exception_ptr failure;
    if (first == turn_of_first) failure = failure_of(body);
    agree(core_->strategy->collective(), device(), "rank_zero_first()", failure);
  }
}

}  // namespace fabric
