#pragma once

#include "core/log.h"

namespace fabric::control {

/// Sends gRPC's own error lines to `log` for as long as it lives; they are dropped before and after, never written to
/// stderr. gRPC has one log per process: at most one of these at a time, made by `main`.
class GrpcLogRoute {
 public:
  /// `log` is borrowed and written to on gRPC's threads.
  explicit GrpcLogRoute(Log& log);
  ~GrpcLogRoute();
  GrpcLogRoute(const GrpcLogRoute&) = delete;
  GrpcLogRoute& operator=(const GrpcLogRoute&) = delete;
};

}  // namespace fabric::control
