#pragma once

#include <string>
#include <string_view>

namespace fabric {

// The programs of one installation lie beside each other in bin/, and what they load in lib/ beside that.

/// Returns the path of the program called `name` beside this one.
std::string program_beside_this(std::string_view name);

/// Returns the path of libfabric_runtime.so.
std::string runtime_library();

}  // namespace fabric
