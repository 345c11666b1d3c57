#pragma once

#include <string>

namespace fabric::testing {

struct PeerResult {
  int status = -1;     ///< exit status
  std::string output;  ///< stdout and stderr
};

/// Runs the script tests/peer/`script` with the argument `directory` by the Python of scripts/peer, to its end.
PeerResult run_peer(const std::string& script, const std::string& directory);

}  // namespace fabric::testing
