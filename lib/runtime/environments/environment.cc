#include "fabric/environment.h"

namespace fabric {

// Here and not in the header, so that the class's type information is in one library only: programs cast across libraries.
Environment::~Environment() = default;

int64_t Environment::furthest_step() const { return -1; }

bool Environment::waits_without_limit() const { return false; }

void Environment::report_failure(const std::exception_ptr&) {}
bool Environment::stops_after(int64_t) { return false; }
bool Environment::should_stop() const { return false; }

}  // namespace fabric
