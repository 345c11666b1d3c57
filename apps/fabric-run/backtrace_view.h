#pragma once

#include <string>
#include <vector>

namespace fabric::launcher {

/// The user's program as a backtrace names it, and as its user does.
struct ProgramNames {
  std::string loaded;  ///< path of the copy that ranks load
  std::string shown;   ///< path or name in the job
};

/// Returns the lines of a rank's backtrace that its user needs: down to train(), modules without their directories, the
/// program under its own name, long runs of frames of libraries between the program's counted instead of listed.
std::vector<std::string> shown_frames(const std::string& backtrace, const ProgramNames& program);

}  // namespace fabric::launcher
