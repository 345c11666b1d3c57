#include "process/pidfd.h"

#include <cerrno>

extern "C" {  // glibc 2.36's header forgot it
#include <sys/pidfd.h>
}

namespace fabric::process {

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(::pidfd_open(pid, 0));  // always O_CLOEXEC
  if (!fd) return errno_status(errno, concat("open a pidfd for process ", pid));
  return fd;
}

}  // namespace fabric::process
