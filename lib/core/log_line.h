#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/log.h"

namespace fabric {

/// Returns one line of a log with its line end: time, level, who, the event, the fields.
std::string log_line(int64_t wall_ns, LogLevel level, std::string_view who, std::string_view event,
                     std::initializer_list<LogField> fields);

}  // namespace fabric
