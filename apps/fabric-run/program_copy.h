#pragma once

#include <optional>
#include <string>

#include "core/status.h"

namespace fabric::launcher {

/// Checks that the job's program can be one (see read_program_note()), and was built as this installation's runtime was, where
/// that is to be seen, and that all it calls is defined by it, by the runtime or by what they need, looked for in
/// `library_path` (LD_LIBRARY_PATH) too; nullopt: that is not checked. Loads nothing. Returns the program's build id, empty if it
/// was linked without.
Result<std::string> check_program(const std::string& program, const std::optional<std::string>& library_path);

/// Why a program was not copied.
struct CopyFailure {
  Status status;
  bool is_of_program = false;  ///< its file could not be read; else the copy could not be written
};

/// Copies the program to `directory`/<build id>.so, or <hash of its bytes>.so if `build_id` is empty, from where ranks load
/// it: a rebuild never touches a running job. Returns the path of the copy; one that is there already is taken.
tl::expected<std::string, CopyFailure> copy_program(const std::string& program, const std::string& build_id,
                                                    const std::string& directory);

}  // namespace fabric::launcher
