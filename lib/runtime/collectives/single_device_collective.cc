#include "runtime/collectives/single_device_collective.h"

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/reduction.h"

namespace fabric {
namespace {

void check_source(int source) {
  if (source != 0) throw UsageError(concat("broadcast needs a source rank from 0 to 0, but got ", source));
}

}  // namespace

void SingleDeviceCollective::barrier(std::string_view /*name*/) {}

void SingleDeviceCollective::all_reduce(at::Tensor& tensor, ReduceOp op) { check_reducible(tensor, op); }

at::Tensor SingleDeviceCollective::all_gather(const at::Tensor& tensor) { return tensor.detach().clone().unsqueeze(0); }

void SingleDeviceCollective::broadcast(at::Tensor& /*tensor*/, int source) { check_source(source); }

Value SingleDeviceCollective::broadcast(const Value& value, int source) {
  check_source(source);
  return value;
}

}  // namespace fabric
