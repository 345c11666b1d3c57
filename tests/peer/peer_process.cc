#include "peer/peer_process.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <stdexcept>

namespace fabric::testing {
namespace {

PeerResult run(const std::string& command) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  PeerResult result;
  std::array<char, 4096> chunk = {};
  while (const size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe)) result.output.append(chunk.data(), got);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace

PeerResult run_peer(const std::string& script, const std::string& directory) {
  const std::string source = FABRIC_SOURCE_DIR;
  return run("python=$('" + source + "/scripts/peer') && \"$python\" '" + source + "/tests/peer/" + script + "' '" +
             directory + "'");
}

}  // namespace fabric::testing
