#pragma once

#include <string>
#include <string_view>

#include "core/unique_fd.h"

namespace fabric {

/// Makes the directory `path` and those above it. Throws SystemError with the path and the cause.
void make_directory(const std::string& path);

/// Writes `text` to a new file and puts it in the place of `path` in one step: a reader sees the old text or the new one, after
/// a crash too. Returns the new file, open for reading and writing. Throws SystemError with the path and the cause.
UniqueFd replace_file_with(const std::string& path, std::string_view text);

}  // namespace fabric
