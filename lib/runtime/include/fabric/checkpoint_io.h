#pragma once

#include <string>
#include <vector>

#include "fabric/export.h"
#include "fabric/value.h"

namespace fabric {

/// When the checksums of a checkpoint are compared with its data.
enum class Verify {
  kFull,        ///< all of them before anything is given out
  kFirstTouch,  ///< that of a tensor when it is taken first: what is not taken is neither read nor verified
};

/// A checkpoint that stands in a directory.
struct StoredCheckpoint {
  std::string path;       ///< as load() takes it
  double written_at = 0;  ///< seconds since 1970, by the clock of where it is kept
};

/// Writes and reads whole checkpoints. Called by one rank (save, remove) or by each (load).
class FABRIC_API CheckpointIO {
 public:
  virtual ~CheckpointIO();

  virtual std::string name() const = 0;
  /// Writes `checkpoint` to `path` so that either all of it is there afterwards or nothing changed. Makes the directories
  /// above. Throws SystemError with the path and the cause.
  virtual void save(const Value& checkpoint, const std::string& path) = 0;
  /// Returns what was saved, tensors on the CPU. They may lie in the mapped file, where a change of theirs is private: do not cut
  /// the file short or write into it while they live; it may be replaced or removed. Throws UsageError if `path` is not there
  /// or is no checkpoint, SystemError if it cannot be read or is damaged. Executes nothing of what it reads.
  virtual Value load(const std::string& path, Verify verify) = 0;
  Value load(const std::string& path) { return load(path, Verify::kFull); }
  /// Returns the checkpoints that stand right in `directory`, in any order; none if it is not there. What is still being written
  /// is not among them, nor are links. Fabric::resume() and the retention of checkpoints ask for them, on rank 0. Unless overridden
  /// it looks at files and directories of this machine. Throws SystemError if it cannot look.
  virtual std::vector<StoredCheckpoint> list(const std::string& directory);
  /// Removes the checkpoint; nothing happens if there is none.
  virtual void remove(const std::string& path) = 0;
};

}  // namespace fabric
