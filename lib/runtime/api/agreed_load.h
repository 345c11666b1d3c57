#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <optional>

#include "fabric/collective.h"
#include "fabric/pending_load.h"
#include "runtime/api/agreement.h"

namespace fabric {

/// Does the load that `read` returns, on all ranks or on none: what can be checked is checked on all of them before anything is
/// changed on one, and what cannot is put back if it fails on one. Collective. `device` is one that the collective serves.
///
/// Returns nothing if it is done, else how the first rank failed and `failure`, what this rank itself failed with, if it did.
std::optional<RankFailure> load_on_all_ranks(Collective& collective, const c10::Device& device,
                                             const std::function<PendingLoad()>& read, std::exception_ptr& failure);

}  // namespace fabric
