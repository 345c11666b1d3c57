#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "fabric/pending_load.h"
#include "fabric/value.h"

namespace torch::nn {
class Module;
}

namespace fabric {

/// Returns parameters and buffers of `module` with their names in the order of Python's state_dict(): a module's own
/// parameters, its buffers, then its children. Tied tensors stand under each of their names; undefined ones are left out.
std::vector<std::pair<std::string, at::Tensor>> named_state(const torch::nn::Module& module);

/// Returns named_state() as a dict of detached tensors that share memory with the module.
Value module_state_dict(const torch::nn::Module& module);

/// Checks that `value` fits into `module`, and returns its copying, in place; `module` must outlive that. Throws UsageError that
/// lists what does not fit: missing and unknown names (with `strict`), shapes, complex numbers for real ones, entries that are
/// no tensors.
PendingLoad prepare_module_load(const torch::nn::Module& module, const Value& value, bool strict);

}  // namespace fabric
