#pragma once

#include <string_view>

#include "job/diagnostics.h"

namespace fabric::job {

/// Checks the characters of a YAML text before the parser sees them: UTF-8 throughout, no control characters, no tab in an
/// indentation. Notes the first error and returns whether there was none.
bool check_yaml_text(std::string_view text, int source, Diagnostics& diagnostics);

}  // namespace fabric::job
