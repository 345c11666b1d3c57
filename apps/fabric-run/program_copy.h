#pragma once

#include <string>

#include "core/status.h"

namespace fabric::launcher {

/// Checks that the job's program can be one (see read_program_note()), and was built as this installation's runtime was, where
/// that is to be seen; loads neither. Returns its linker's build id, empty if it has none.
Result<std::string> check_program(const std::string& program);

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
