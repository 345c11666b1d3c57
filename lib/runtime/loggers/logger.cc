#include "fabric/logger.h"

namespace fabric {

Logger::~Logger() = default;

}  // namespace fabric
