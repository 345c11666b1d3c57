#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fabric/accelerator.h"
#include "fabric/checkpoint_io.h"
#include "fabric/environment.h"
#include "fabric/logger.h"
#include "fabric/options.h"
#include "fabric/precision.h"
#include "fabric/strategy.h"
#include "runtime/api/metrics_buffer.h"

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
  MetricsBuffer metrics{};
  uint64_t seed = 0;
  int64_t step = 0;
  bool finalized = false;
};

}  // namespace detail

/// Makes what `options` choose for `environment`, and joins the other ranks. Throws UsageError for a name that does not exist
/// or cannot work here, PeerError if the others do not come.
std::unique_ptr<detail::FabricCore> make_fabric_core(Environment& environment, Options options);

}  // namespace fabric
