#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fabric/accelerator.h"
#include "fabric/checkpoint_io.h"
#include "fabric/environment.h"
#include "fabric/epoch_cursor.h"
#include "fabric/logger.h"
#include "fabric/options.h"
#include "fabric/precision.h"
#include "fabric/state.h"
#include "fabric/strategy.h"
#include "runtime/api/checkpoint_schedule.h"
#include "runtime/api/metrics_buffer.h"
#include "runtime/api/run_checkpoints.h"

namespace fabric {

namespace detail {

class ModuleCore;
class OptimizerCore;

/// What a Fabric holds.
struct FabricCore {
  Environment& environment;
  Options options;
  std::shared_ptr<Accelerator> accelerator{};
  std::shared_ptr<Precision> precision{};
  std::shared_ptr<CheckpointIO> checkpoint_io{};
  std::shared_ptr<Strategy> strategy{};
  std::vector<std::shared_ptr<Logger>> loggers{};
  // Who was set up, to refuse a second time; entries end with their last handle.
  std::vector<std::weak_ptr<ModuleCore>> modules{};
  std::vector<std::weak_ptr<OptimizerCore>> optimizers{};
  std::vector<std::weak_ptr<EpochCursor>> loaders{};  ///< in the order in which they were set up
  List loader_states{};                               ///< of a resumed checkpoint, in the same order
  MetricsBuffer metrics{};
  std::optional<std::variant<double, at::Tensor>> best_metric{};  ///< the policy's, as rank 0 logged it last
  uint64_t seed = 0;
  int64_t step = 0;
  std::optional<CheckpointSchedule> schedule{};
  std::optional<RunCheckpoints> run_checkpoints{};
  std::optional<State> resumed_state{};
  const EpochCursor* stepping_loader = nullptr;  ///< whose batches end steps where the program does not
  bool ends_steps = false;                       ///< the program calls end_step()
  bool has_gradients = false;                    ///< a backward pass came after the last step of an optimizer
  bool finalized = false;

  /// Returns whether no gradients wait for a step of their optimizer.
  bool is_clean() const;
  std::optional<double> best_metric_value() const;
  RunCheckpoints& checkpoints();
  /// Gives the loader of that number the place that the resumed checkpoint has for it. A loader over another dataset begins
  /// anew, which is said on stderr.
  void restore_loader(size_t number);
};

}  // namespace detail

/// Makes what `options` choose for `environment`, and joins the other ranks. Throws UsageError for a name that does not exist
/// or cannot work here, PeerError if the others do not come.
std::unique_ptr<detail::FabricCore> make_fabric_core(Environment& environment, Options options);

}  // namespace fabric
