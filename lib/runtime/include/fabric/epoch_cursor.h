#pragma once

#include <cstdint>
#include <memory>

#include "fabric/export.h"
#include "fabric/loader_options.h"
#include "fabric/strategy.h"
#include "fabric/value.h"

namespace fabric::detail {

/// Which epoch a loader is in, and which the next loop belongs to. Not for several threads at once.
class FABRIC_API EpochCursor {
 public:
  virtual ~EpochCursor();

  /// Returns the epoch that the next loop belongs to.
  int64_t next_epoch() const;
  /// Makes `epoch` the one that loops belong to, as long as `holder` lives.
  void hold_epoch(int64_t epoch, const std::shared_ptr<void>& holder);

  /// Returns where the loader stands.
  virtual Value state_dict() const = 0;
  /// Goes on from there; loops that run already are not changed. Throws UsageError if the place is one of other data.
  virtual void load_state_dict(const Value& state) = 0;

  const DataLoaderOptions& options() const { return options_; }
  int64_t epoch() const { return epoch_; }
  int64_t position() const { return position_; }

 protected:
  EpochCursor(DataLoaderOptions options, Strategy::DataShare share, uint64_t seed);
  EpochCursor(EpochCursor&&) = default;

  /// Returns whether nothing of the epoch is left after position_.
  virtual bool is_finished() const = 0;
  /// Begins a loop: goes on where a loaded state stopped; otherwise from the epoch's first sample, and in the next epoch if
  /// there was a loop in this one, unless an epochs() loop holds it. Returns the loop's number, and sets `goes_on`.
  int64_t begin_loop(bool& goes_on);
  bool is_latest(int64_t loop) const { return loop == latest_loop_; }
  /// Makes a place that was saved the one where the next loop goes on; loops that run no longer move the position.
  void go_to(int64_t epoch, int64_t position, uint64_t seed);

  DataLoaderOptions options_;
  Strategy::DataShare share_;
  uint64_t seed_;
  int64_t batch_size_;
  int64_t epoch_ = 0;
  int64_t position_ = 0;

 private:
  int64_t latest_loop_ = 0;
  bool loaded_ = false;  ///< a state was loaded since the last loop began
  bool looped_ = false;  ///< a loop began in this epoch
  std::weak_ptr<void> holder_;
};

}  // namespace fabric::detail
