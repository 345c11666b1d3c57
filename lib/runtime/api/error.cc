#include "fabric/error.h"

namespace fabric {

// Here and not in the header, so that one library holds their type information and every program's `catch` matches.
Error::~Error() = default;
UsageError::~UsageError() = default;
PeerError::~PeerError() = default;
SystemError::~SystemError() = default;
InternalError::~InternalError() = default;

}  // namespace fabric
