#pragma once

#include <sstream>
#include <string>

namespace fabric {

/// Returns the arguments, each written with `operator<<`, one after the other.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

}  // namespace fabric
