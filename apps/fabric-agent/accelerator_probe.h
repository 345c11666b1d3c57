#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/node_report.h"
#include "core/status.h"
#include "process/child.h"
#include "process/event_loop.h"
#include "process/output_pump.h"

namespace fabric::agent {

/// What the drivers say.
struct Accelerators {
  std::vector<AcceleratorReport> found;
  std::string note;  ///< why there are none; empty otherwise
};

/// Reads the JSON object that `fabric-worker --probe` prints; a note says so if it is not one.
Accelerators parse_accelerators(std::string_view json);

/// Asks the drivers through `fabric-worker --probe`, in a process of its own: a driver may hang. Loop's thread only.
class AcceleratorProbe {
 public:
  struct Options {
    std::string worker;                             ///< path of fabric-worker
    std::vector<std::string> environment;           ///< "NAME=value"
    std::string nvidia_control = "/dev/nvidiactl";  ///< there is a driver where this exists
    Nanoseconds timeout = std::chrono::seconds(2);
  };
  using Done = std::function<void(Accelerators)>;

  /// `loop` is borrowed and must outlive the probe.
  AcceleratorProbe(process::EventLoop& loop, Options options) : loop_(loop), options_(std::move(options)) {}
  AcceleratorProbe(const AcceleratorProbe&) = delete;
  AcceleratorProbe& operator=(const AcceleratorProbe&) = delete;
  ~AcceleratorProbe() { loop_.cancel(deadline_); }

  /// Calls `done` once: at once where there is no driver, and at the latest after the timeout.
  void start(Done done);
  /// Returns the id of the probing process while it lives, else 0. It may hang in a driver after `done`.
  int pid() const { return process_ != nullptr && !process_->is_reaped() ? process_->pid() : 0; }

 private:
  Status start_process();
  void finish(Accelerators accelerators);

  process::EventLoop& loop_;
  Options options_;
  Done done_;
  std::string output_;
  std::unique_ptr<process::Child> process_;
  std::unique_ptr<process::OutputPump> pump_;
  process::TimerId deadline_;
};

}  // namespace fabric::agent
