#pragma once

#include <cstdint>
#include <vector>

#include "fabric/epoch_cursor.h"
#include "fabric/export.h"
#include "fabric/stream.h"
#include "fabric/value.h"

namespace fabric::detail {

/// Where the stream of one worker stands.
struct StreamPlace {
  int64_t batches = 0;  ///< those that were handed out
  Value state{};        ///< what its state_dict() returned after them; none for streams that have none
};

/// One loop over the streams of an epoch, or over the rest of them after a resume.
struct StreamPass {
  int64_t loop = 0;
  int64_t epoch = 0;
  int64_t start = 0;                  ///< batches that this rank had before
  int64_t skip = 0;                   ///< how many of them are still to be read, and dropped
  std::vector<StreamPlace> places{};  ///< by worker: where the streams begin
  int first_worker = 0;               ///< whose turn it is
};

/// Where a loader over streams stands: how many batches of the epoch this rank was handed out.
class FABRIC_API StreamCursor final : public EpochCursor {
 public:
  /// `keeps_states` says that the streams have states. Throws UsageError that says which option must be different.
  StreamCursor(DataLoaderOptions options, Strategy::DataShare share, uint64_t seed, bool keeps_states);

  /// Begins a loop, as EpochCursor says.
  StreamPass begin_pass();
  /// Notes that `batches` of `pass` were handed out, the latest by `worker`, whose stream stands at `place`; if it is the latest
  /// pass.
  void handed_out(const StreamPass& pass, int64_t batches, int worker, StreamPlace place);
  /// Notes that nothing is left of `pass`, if it is the latest one.
  void ended(const StreamPass& pass);

  /// Returns what worker `worker`'s stream of `epoch` is told.
  StreamContext context(int64_t epoch, int worker) const;
  /// Returns what the generator of that stream is seeded from.
  uint64_t stream_seed(int64_t epoch, int worker) const;
  int64_t batch_size() const { return batch_size_; }

  /// The state has the streams' own states where they have such: then it is this rank's. Another rank that loads it goes on at
  /// the same batch of its own, by reading up to there.
  Value state_dict() const override;
  /// Throws UsageError if the streams were cut otherwise: for another number of ranks or of workers.
  void load_state_dict(const Value& state) override;

 private:
  bool is_finished() const override { return finished_; }
  int num_streams() const;

  bool keeps_states_;
  bool finished_ = false;
  std::vector<StreamPlace> places_;
  int next_worker_ = 0;
  bool can_go_on_ = true;  ///< the places are this rank's; otherwise what was handed out must be read again
};

}  // namespace fabric::detail
