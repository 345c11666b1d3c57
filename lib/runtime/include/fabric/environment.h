#pragma once

#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <exception>
#include <string>

#include "fabric/export.h"

namespace c10d {
class Store;
}

namespace fabric {

/// Where a rank stands: its place in the world and what surrounds it. Values do not change during the life of a rank.
class FABRIC_API Environment {
 public:
  virtual ~Environment();

  /// Returns "agent" or "standalone".
  virtual std::string name() const = 0;
  virtual int global_rank() const = 0;
  virtual int local_rank() const = 0;
  virtual int node_rank() const = 0;
  virtual int world_size() const = 0;
  virtual int local_world_size() const = 0;
  virtual int num_nodes() const = 0;
  /// Returns how often the job was restarted after failures.
  virtual int restart_count() const = 0;
  /// Returns the highest step that a rank of this run is known to have ended before this one was started, or -1. Returns -1
  /// unless overridden.
  virtual int64_t furthest_step() const;
  /// Returns whether a tool such as a debugger may hold ranks still for as long as it likes, so that no wait for another rank
  /// may end by itself. False unless overridden.
  virtual bool waits_without_limit() const;
  /// Returns the numeric address on which this rank's data plane listens; "127.0.0.1" within one host.
  virtual std::string address() const = 0;
  /// Returns the absolute directory of this run: checkpoints/ and the loggers' files go there.
  virtual std::string run_directory() const = 0;
  /// Returns the resolved job as JSON: {"name": ..., "args": {...}, "fabric": {...}}.
  virtual std::string job_json() const = 0;
  /// Returns the directory that the job's relative paths refer to.
  virtual std::string job_directory() const = 0;
  /// Returns the store that all ranks of this generation share. Throws SystemError if it cannot be reached.
  virtual c10::intrusive_ptr<c10d::Store> store() = 0;
  /// Tells whoever watches that train() is about to be called.
  virtual void report_ready() = 0;
  /// Tells whoever watches that `step` ended on this rank. Does not block.
  virtual void report_step(int64_t step) = 0;
  /// Tells whoever watches why train() failed. Called while this rank still holds its connections: once they close, the
  /// other ranks fail in turn, and one of them might be taken for the cause. Must not throw. Does nothing unless overridden.
  virtual void report_failure(const std::exception_ptr& failure);
  /// Returns whether the job stops at the end of `step`, which has just ended on this rank; all ranks stop at the same one.
  /// Blocks while they agree on it. Returns false unless overridden.
  virtual bool stops_after(int64_t step);
  /// Returns whether a step at which the job stops has been agreed on. Does not block. Returns false unless overridden.
  virtual bool should_stop() const;
};

}  // namespace fabric
