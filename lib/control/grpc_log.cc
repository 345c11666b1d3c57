#include "control/grpc_log.h"

#include <grpc/support/log.h>

#include <mutex>

namespace fabric::control {

namespace {

// gpr_set_log_function takes a plain function, so this is one of the few places that need a global. The mutex keeps the
// log alive while a thread of gRPC writes to it.
struct Destination {
  std::mutex mutex;
  Log* log = nullptr;
};
Destination& destination() {
  static Destination* const only = new Destination;  // gRPC may log after main
  return *only;
}

void write_line(gpr_log_func_args* line) {
  const std::lock_guard lock(destination().mutex);
  if (destination().log == nullptr) return;
  const LogLevel level = line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  destination().log->write(level, "grpc says",
                           {{"message", line->message}, {"file", line->file}, {"line", line->line}});
}

}  // namespace

GrpcLogRoute::GrpcLogRoute(Log& log) {
  {
    const std::lock_guard lock(destination().mutex);
    destination().log = &log;
  }
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(write_line);
}

GrpcLogRoute::~GrpcLogRoute() {
  const std::lock_guard lock(destination().mutex);
  destination().log = nullptr;
}

}  // namespace fabric::control
