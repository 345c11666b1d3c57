#pragma once

#include "fabric/collective.h"

namespace fabric {

/// The collective of a world of one rank: every operation returns what it was given, after the same checks of arguments.
class SingleDeviceCollective final : public Collective {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 1; }
  void barrier(std::string_view name) override;
  void all_reduce(at::Tensor& tensor, ReduceOp op) override;
  at::Tensor all_gather(const at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int source) override;
  Value broadcast(const Value& value, int source) override;
};

}  // namespace fabric
