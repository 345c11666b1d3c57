#pragma once

#include "fabric/export.h"

namespace fabric {

/// Returns a good DataLoaderOptions::num_workers where `local_world_size` ranks share the processors that this process may run
/// on: max(1, processors / local_world_size - 1), as Python's Fabric. Where each rank has processors of its own (the job's
/// `binding`), say 1.
///
/// Throws UsageError unless `local_world_size` is at least 1.
FABRIC_API int suggested_max_num_workers(int local_world_size);

}  // namespace fabric
