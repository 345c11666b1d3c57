#include "process/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace fabric::process {

Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_status(errno, "create a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<Pipe> make_output_pipe() {
  FABRIC_ASSIGN_OR_RETURN(Pipe pipe, make_pipe());
  if (::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return errno_status(errno, "make a pipe non-blocking");
  return pipe;
}

}  // namespace fabric::process
