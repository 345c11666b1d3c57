#pragma once

#include <string>
#include <vector>

#include "rendezvous/events.h"

namespace fabric::rendezvous {

/// Returns all that an action says as one line, for comparisons and for histories that people read.
std::string text_of(const Action& action);

/// Returns text_of() of each.
std::vector<std::string> texts_of(const std::vector<Action>& actions);

}  // namespace fabric::rendezvous
