#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fabric::job {

/// Returns the one of `known` that `name` is most likely a slip of the pen of (the fewest inserted, removed, replaced or
/// swapped characters, capitals not counted; the start of a name counts as one of these), or nullopt if none is near.
std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& known);

/// Returns "a, b and c".
std::string list_of_names(const std::vector<std::string>& names);

}  // namespace fabric::job
