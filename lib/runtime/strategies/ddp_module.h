#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <memory>
#include <string>
#include <vector>

#include "fabric/ddp.h"
#include "fabric/strategy.h"
#include "runtime/strategies/autograd_graph.h"

namespace c10d {
class Reducer;
}

namespace fabric {

/// One module under DDP: a c10d::Reducer over the parameters that take part now. The reducer is made at the first synchronised
/// pass and again when parameters were frozen, unfrozen or moved, which must happen on all ranks alike.
class DdpModule final : public StrategyModule {
 public:
  /// Broadcasts parameters and buffers from rank 0. Collective. Throws UsageError if the ranks' parameters differ in shape.
  DdpModule(ModuleParameters module, c10::intrusive_ptr<c10d::ProcessGroup> group, const DdpOptions& options);
  ~DdpModule() override;

  void set_backward_sync(bool enabled) override { backward_sync_ = enabled; }
  bool backward_sync() const override { return backward_sync_; }

  /// Returns whether the pass over `graph` changes gradients of this module.
  bool is_reached(const AutogradGraph& graph) const;
  /// Makes ready for a synchronised pass from `loss`. Collective in passes that make new buckets. Throws UsageError that names
  /// the parameters that `graph` leaves out, unless these are allowed.
  void prepare(const at::Tensor& loss, const AutogradGraph& graph);
  /// After the pass: gradients become tensors that raw optimizers may detach, buffers those of rank 0. Collective.
  void finish();
  /// After a pass that failed: forgets the reducer, which waits for a pass that will not come.
  void abandon();

 private:
  struct Trainable;

  void check_all_reached(const AutogradGraph& graph) const;
  bool is_reducer_current() const;
  void make_reducer();
  void broadcast_from_rank_0(std::vector<at::Tensor> tensors);

  ModuleParameters module_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  DdpOptions options_;
  bool backward_sync_ = true;
  std::vector<Trainable> trainable_;  // what reducer_ was made for
  std::unique_ptr<c10d::Reducer> reducer_;
};

}  // namespace fabric
