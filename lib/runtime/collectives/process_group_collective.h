#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <string>

#include "fabric/collective.h"
#include "runtime/collectives/roll_call.h"

namespace fabric {

/// Operations among all ranks over a c10d process group, with the group's timeout. Never records for autograd.
///
/// One thread at a time. A rank that fails or stays away becomes a PeerError that names the operation; after it the group
/// cannot be used any more.
class ProcessGroupCollective final : public Collective {
 public:
  /// `device` is where the backend wants its tensors. `store` is that of `group`'s ranks, for roll-calls of barriers.
  ProcessGroupCollective(c10::intrusive_ptr<c10d::ProcessGroup> group, c10::intrusive_ptr<c10d::Store> store,
                         c10::Device device);

  int rank() const override { return group_->getRank(); }
  int world_size() const override { return group_->getSize(); }
  void barrier(std::string_view name) override;
  void all_reduce(at::Tensor& tensor, ReduceOp op) override;
  at::Tensor all_gather(const at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int source) override;
  /// On the other ranks tensors that were on the cpu arrive there, others on this rank's device; none requires gradients.
  Value broadcast(const Value& value, int source) override;

 private:
  void check_source(int source) const;
  void check_device(const at::Tensor& tensor, std::string_view operation) const;
  /// Broadcasts `bytes`, a contiguous 1-D uint8 tensor on device_, in place.
  void broadcast_bytes(at::Tensor& bytes, int source);

  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  c10::Device device_;
  RollCall barriers_;
};

}  // namespace fabric
