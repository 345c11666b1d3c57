#include "runtime/collectives/process_group_collective.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/peer_failure.h"
#include "runtime/collectives/reduction.h"
#include "runtime/collectives/value_codec.h"

namespace fabric {
namespace {

c10d::ReduceOp::RedOpType c10d_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::kMax:
      return c10d::ReduceOp::MAX;
    case ReduceOp::kMin:
      return c10d::ReduceOp::MIN;
    case ReduceOp::kProduct:
      return c10d::ReduceOp::PRODUCT;
    case ReduceOp::kSum:
    case ReduceOp::kMean:
      break;  // Gloo has no mean: sum, then divide, as PyTorch does
  }
  return c10d::ReduceOp::SUM;
}

/// Returns the contiguous `tensor` as 1-D bytes of the same memory, so that every dtype can travel.
at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.reshape({-1}).view(at::kByte); }

/// Starts an operation, waits for it, and turns the failure of a peer into PeerError.
template <class Start>
void run(std::string_view what, const Start& start) {
  try {
    c10::intrusive_ptr<c10d::Work> work = start();
    if (work) work->wait();
  } catch (const std::exception&) {
    rethrow_as_peer_error(concat(what, " failed, because another rank left or did not come"));
  }
}

}  // namespace

ProcessGroupCollective::ProcessGroupCollective(c10::intrusive_ptr<c10d::ProcessGroup> group,
                                               c10::intrusive_ptr<c10d::Store> store, c10::Device device)
    : group_(std::move(group)),
      device_(device),
      barriers_(std::move(store), "barrier", group_->getRank(), group_->getSize()) {}

void ProcessGroupCollective::barrier(std::string_view name) {
  const std::string called = name.empty() ? "barrier" : concat("barrier '", name, "'");
  try {
    barriers_.answer(called);
    c10d::BarrierOptions options;
    if (device_.is_cuda()) options.device = device_;
    group_->barrier(options)->wait();
  } catch (const std::exception&) {
    rethrow_as_peer_error(concat(called, " failed: ", barriers_.report()));
  }
}

void ProcessGroupCollective::all_reduce(at::Tensor& tensor, ReduceOp op) {
  check_reducible(tensor, op);
  check_device(tensor, "all_reduce");
  if (tensor.numel() == 0) return;
  const at::NoGradGuard no_grad;
  at::Tensor target = tensor.detach();
  std::vector<at::Tensor> tensors{target.contiguous()};
  c10d::AllreduceOptions options;
  options.reduceOp = c10d_op(op);
  run("all_reduce", [&] { return group_->allreduce(tensors, options); });
  if (op == ReduceOp::kMean) tensors[0].div_(world_size());
  if (!tensors[0].is_same(target) && tensors[0].data_ptr() != target.data_ptr()) target.copy_(tensors[0]);
}

at::Tensor ProcessGroupCollective::all_gather(const at::Tensor& tensor) {
  check_device(tensor, "all_gather");
  const at::NoGradGuard no_grad;
  const at::Tensor input = tensor.detach().contiguous();
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.insert(sizes.begin(), world_size());
  at::Tensor output = at::empty(sizes, input.options());
  if (input.numel() == 0) return output;
  at::Tensor input_bytes = bytes_of(input);
  at::Tensor output_bytes = bytes_of(output);
  run("all_gather", [&] { return group_->_allgather_base(output_bytes, input_bytes); });
  return output;
}

void ProcessGroupCollective::broadcast(at::Tensor& tensor, int source) {
  check_source(source);
  check_device(tensor, "broadcast");
  if (tensor.numel() == 0) return;
  const at::NoGradGuard no_grad;
  at::Tensor target = tensor.detach();
  const at::Tensor contiguous = target.contiguous();
  at::Tensor bytes = bytes_of(contiguous);
  broadcast_bytes(bytes, source);
  if (rank() != source && contiguous.data_ptr() != target.data_ptr()) target.copy_(contiguous);
}

Value ProcessGroupCollective::broadcast(const Value& value, int source) {
  check_source(source);
  const at::NoGradGuard no_grad;
  const bool sends = rank() == source;
  std::string encoded;
  if (sends) encoded = encode_value(value);
  // Two broadcasts: nobody else knows how long the value is.
  at::Tensor length = at::scalar_tensor(static_cast<int64_t>(encoded.size()), at::kLong).to(device_);
  broadcast(length, source);
  at::Tensor bytes = at::empty({length.item<int64_t>()}, at::kByte);
  if (sends) std::memcpy(bytes.data_ptr(), encoded.data(), encoded.size());
  at::Tensor there = bytes.to(device_);
  broadcast_bytes(there, source);
  if (sends) return value;
  bytes = there.to(at::kCPU);
  return decode_value({static_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(bytes.numel())}, device_);
}

void ProcessGroupCollective::check_source(int source) const {
  if (source < 0 || source >= world_size()) {
    throw UsageError(concat("broadcast needs a source rank from 0 to ", world_size() - 1, ", but got ", source));
  }
}

void ProcessGroupCollective::check_device(const at::Tensor& tensor, std::string_view operation) const {
  if (!tensor.defined()) throw UsageError(concat(operation, " needs a tensor, but got an undefined one"));
  if (tensor.layout() != c10::kStrided)
    throw UsageError(concat(operation, " needs a dense tensor; convert it with to_dense()"));
  if (tensor.device().type() != device_.type()) {
    throw UsageError(concat(operation, " needs a tensor on ", device_.str(), ", but it is on ", tensor.device().str(),
                            "; move it with fabric.to_device()"));
  }
}

void ProcessGroupCollective::broadcast_bytes(at::Tensor& bytes, int source) {
  std::vector<at::Tensor> tensors{bytes};
  c10d::BroadcastOptions options;
  options.rootRank = source;
  run("broadcast", [&] { return group_->broadcast(tensors, options); });
}

}  // namespace fabric
