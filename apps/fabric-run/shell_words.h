#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace fabric::launcher {

/// Splits a command into words as a POSIX shell does: at blanks, with '...', "..." and backslash. Nothing is expanded: what a
/// shell would take for more than text ($, backquotes, *, ;, |, < and so on outside of quotes) is kept as it is.
///
/// kInvalidArgument if a quote has no end, or the last character is a backslash.
Result<std::vector<std::string>> split_words(std::string_view command);

/// Reads a list of ranks as "0,2-3", each a whole number of at most 9,999,999; returns them ascending, each once.
Result<std::vector<int>> parse_ranks(std::string_view list);

/// Returns the words as a line that a shell takes for them.
std::string join_words(const std::vector<std::string>& words);

}  // namespace fabric::launcher
