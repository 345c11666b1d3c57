#pragma once

#include <string>

#include "core/status.h"

namespace fabric {

/// Returns the numeric address of this host's network interface of that name ("eth0"): the IPv4 one where it has one, else
/// an IPv6 one that is not link-local. kNotFound, with the interfaces that have addresses, if there is none.
Result<std::string> address_of_interface(const std::string& name);

}  // namespace fabric
