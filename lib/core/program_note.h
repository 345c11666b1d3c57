#pragma once

#include <string>
#include <string_view>

#include "core/status.h"

namespace fabric {

/// What a user's program says about itself in its ELF note (owner "Fabric", type 1), written by FABRIC_PROGRAM: how it was
/// built. Values are texts as they stand there; an item that the note lacks is empty.
struct ProgramNote {
  std::string abi;       ///< version of Fabric's program table: "1"
  std::string torch;     ///< LibTorch whose headers it was compiled with: "2.11.0"
  std::string cxx11abi;  ///< "1" with the C++11 std::string, "0" without
  std::string ndebug;    ///< "1" if compiled with NDEBUG: LibTorch's inline functions differ with it
  std::string compiler;  ///< for people: "g++ 12.2.0"
  std::string build_id;  ///< linker's build id in hexadecimal; empty if it was linked without
};

/// Returns the note that `text` ("abi=1;torch=2.11.0;cxx11abi=1;ndebug=1;compiler=g++ 12.2.0") says. Unknown items are
/// skipped, so that later versions may add some. kInvalidArgument if an item is no key=value or `abi` is missing.
Result<ProgramNote> parse_program_note(std::string_view text);

/// Reads the note of the shared object at `path` without loading it; trusts nothing in the file.
///
/// kNotFound if there is no such file; other kinds of errno_status if it cannot be read; kInvalidArgument if it is not an
/// ELF file, is of another machine, is not a shared object, is cut short, or has no Fabric note. Messages name the path.
Result<ProgramNote> read_program_note(const std::string& path);

/// Returns ok if a program with `program`'s note can be loaded into a runtime built as `ours` says; otherwise
/// kFailedPrecondition that names each difference and what to do. Compilers may differ.
Status check_compatible(const ProgramNote& program, const ProgramNote& ours);

}  // namespace fabric
