#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "fabric/export.h"
#include "fabric/value.h"

namespace fabric {

/// How all_reduce combines values.
enum class ReduceOp { kSum, kMean, kMax, kMin, kProduct };

/// Returns the operation called `name`: sum, mean or avg, max, min, product; upper and lower case alike.
/// Throws UsageError that lists the names otherwise.
FABRIC_API ReduceOp reduce_op(std::string_view name);

/// Operations among all ranks. Every rank must call each of them, in the same order; each blocks the host until the
/// result is there (cpu) or is ordered on the current stream (cuda). Throws PeerError if a rank has left or does not come
/// within the process group's timeout.
class FABRIC_API Collective {
 public:
  virtual ~Collective();

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  /// Returns when all ranks have come. `name` stands in the error if they do not.
  virtual void barrier(std::string_view name) = 0;
  /// Reduces `tensor` over the ranks, in place. Shape and dtype must be equal on all ranks; it must be dense.
  /// Throws UsageError for the mean of an integer tensor, which would have to be rounded: sum it, or convert it.
  virtual void all_reduce(at::Tensor& tensor, ReduceOp op) = 0;
  /// Returns the tensors of all ranks, stacked in a new first dimension of size world_size().
  virtual at::Tensor all_gather(const at::Tensor& tensor) = 0;
  /// Copies the tensor of rank `source` into `tensor` of the others.
  virtual void broadcast(at::Tensor& tensor, int source) = 0;
  /// Returns the value of rank `source`; what the other ranks pass is ignored.
  virtual Value broadcast(const Value& value, int source) = 0;
};

}  // namespace fabric
