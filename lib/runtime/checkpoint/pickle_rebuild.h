#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/checkpoint/pickle_node.h"
#include "runtime/checkpoint/unpickler.h"

namespace fabric {

/// Fills a global's node from its full name, "torch._utils._rebuild_tensor_v2"; false if it is none that is allowed.
bool find_pickle_global(const std::string& name, PickleNode& node);

/// Fills `node` from a persistent id: ('storage', <type>, key, location, number of elements). Returns what is wrong, if so.
std::optional<std::string> rebuild_storage(const PickleNode& id, PickleNode& node);

/// Fills `node` with what calling `function` with `arguments` gives in Python. Returns what is wrong, if so.
std::optional<std::string> rebuild_call(const PickleNode& function, const PickleNode& arguments,
                                        const LoadStorage& load_storage, PickleNode& node);

}  // namespace fabric
