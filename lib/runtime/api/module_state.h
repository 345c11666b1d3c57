#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

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

/// Copies `value` into `module`, in place; changes nothing unless all fits. Throws UsageError that lists what does not: missing
/// and unknown names (with `strict`), shapes, entries that are no tensors.
void load_module_state(torch::nn::Module& module, const Value& value, bool strict);

}  // namespace fabric
