#pragma once

#include <ATen/core/Generator.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "fabric/value.h"

namespace fabric {

/// Which part of the samples one stream is to give. Nobody else cuts them: what all streams of an epoch give together, over all
/// ranks and their workers, is the epoch.
struct StreamContext {
  int rank = 0;          ///< among those that share the data
  int num_replicas = 1;  ///< how many those are
  int worker = 0;        ///< the thread's number in this rank
  int num_workers = 1;   ///< at least 1: the loop's own thread counts where there are no workers
  int64_t epoch = 0;
  /// The stream's own, on the CPU. Seeded anew before each batch, from the seed, the epoch, the rank, the worker and the batch's
  /// number: so it is the same after a resume. What is drawn from LibTorch's default generator comes from it too.
  at::Generator generator{};

  /// Returns the number of this stream among all of them.
  int part() const { return rank * num_workers + worker; }
  /// Returns how many streams there are in all.
  int num_parts() const { return num_replicas * num_workers; }
};

/// Gives samples one after the other, nullopt after the last. Used by one thread. It may have `state_dict() const` and
/// `load_state_dict(const Value&)`: then a resumed loop goes on from what the former returned, and is called for that after each
/// batch; without them it reads and drops what was handed out before.
template <class S>
concept SampleStream = requires(S& stream) {
  stream.next();
  requires std::same_as<decltype(stream.next()), std::optional<typename decltype(stream.next())::value_type>>;
};

/// A stream that knows where it is.
template <class S>
concept StatefulStream = SampleStream<S> && requires(const S& saved, S& loaded, const Value& value) {
  { saved.state_dict() } -> std::convertible_to<Value>;
  loaded.load_state_dict(value);
};

/// What setup_dataloader() takes whose samples have no numbers: files that are read through, records from a network.
/// `stream(const StreamContext&) const` begins an epoch; it is called in the thread that reads the stream.
///
/// Each worker makes whole batches of its own stream, and they are handed out in turn, so that the order depends on the number
/// of workers and on nothing else. For training with ddp, each rank must give equally many batches.
template <class D>
concept StreamedDataset = requires(const D& dataset, const StreamContext& context) {
  { dataset.stream(context) } -> SampleStream;
};

/// The type of a dataset's streams.
template <StreamedDataset D>
using StreamOf = std::decay_t<decltype(std::declval<const D&>().stream(std::declval<const StreamContext&>()))>;

/// Gives every num_parts-th sample of a stream of the whole epoch, from part() on: the simplest way to share one.
template <SampleStream S>
class StridedStream {
 public:
  StridedStream(S whole, const StreamContext& context)
      : whole_(std::move(whole)), skip_(context.part()), parts_(context.num_parts()) {}

  auto next() -> decltype(std::declval<S&>().next()) {
    for (; skip_ > 0; --skip_) {
      if (!whole_.next()) return std::nullopt;
    }
    skip_ = parts_ - 1;
    return whole_.next();
  }
  Value state_dict() const requires StatefulStream<S> {
    return Dict{{"skip", static_cast<int64_t>(skip_)}, {"whole", whole_.state_dict()}};
  }
  void load_state_dict(const Value& state) requires StatefulStream<S> {
    skip_ = static_cast<int>(state.at("skip").to_int());
    whole_.load_state_dict(state.at("whole"));
  }

 private:
  S whole_;
  int skip_;
  int parts_;
};

}  // namespace fabric
