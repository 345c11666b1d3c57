#include "rank_starter.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

namespace fabric::agent {

void RankStarter::prepare(const RankLaunch&) {}

Result<UniqueFd> connect_rank(StartedRank& rank) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_status(errno, "create a socket pair");
  rank.socket.reset(ends[0]);
  UniqueFd worker_end(ends[1]);
  rank.crash_file.reset(::memfd_create("fabric-crash", MFD_CLOEXEC));
  if (!rank.crash_file) return errno_status(errno, "create a crash file in memory");
  return worker_end;
}

}  // namespace fabric::agent
