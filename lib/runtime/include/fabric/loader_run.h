#pragma once

#include <c10/core/Device.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/batch_of.h"
#include "fabric/batch_pipeline.h"
#include "fabric/device_feed.h"
#include "fabric/loader_cursor.h"
#include "fabric/sample_randomness.h"
#include "fabric/stream_cursor.h"
#include "fabric/tensor_tree.h"

namespace fabric::detail {

/// What the handles of one loader share.
template <Dataset D>
struct LoaderCore {
  using Cursor = std::conditional_t<StreamedDataset<D>, StreamCursor, LoaderCursor>;

  D dataset;
  Cursor cursor;
  DeviceFeed feed;
  std::function<void()> before_batch{};
};

/// A batch between the thread that makes it and the loop.
template <class Batch>
struct LoadedBatch {
  Batch batch;
  std::unique_ptr<DeviceFeed::Copy> copy{};
  int worker = 0;
  StreamPlace place{};  ///< where the stream stands after it
};

/// Returns batch `number` of `pass`. Any thread, if it has `dataset` for its own or the dataset may be shared.
template <IndexedDataset D>
typename BatchOf<D>::type make_batch(D& dataset, const LoaderPass& pass, int64_t number) {
  const std::span<const int64_t> indices = pass.batch(number);
  SampleRandomness randomness;
  if constexpr (BatchDataset<D>) {
    randomness.begin_sample(pass.seed, pass.epoch, indices.front());
    const std::vector<size_t> places(indices.begin(), indices.end());
    auto given = dataset.get_batch(places);
    if constexpr (CollatingDataset<D> || CollatableDataset<D>) {
      SampleCollector<D> collector(dataset, given.size());
      for (auto&& sample : given) collector.add(std::move(sample));
      return collector.finish();
    } else {
      return given;
    }
  } else {
    SampleCollector<D> collector(dataset, indices.size());
    at::Generator none;
    for (const int64_t index : indices) {
      randomness.begin_sample(pass.seed, pass.epoch, index);
      SampleContext context{ContextDataset<D> ? randomness.generator() : none, pass.epoch, index};
      collector.add(get_sample(dataset, static_cast<size_t>(index), context));
    }
    return collector.finish();
  }
}

/// The batches of one loop over indices.
template <IndexedDataset D>
class IndexedSource {
 public:
  using Batch = typename BatchOf<D>::type;

  explicit IndexedSource(LoaderCore<D>& core) : core_(core), pass_(core.cursor.begin_pass()) {
    if constexpr (!kSharedByThreads<D>) {
      for (int i = 0; i < core.cursor.options().num_workers; ++i) copies_.push_back(std::make_unique<D>(core.dataset));
    }
  }

  std::shared_ptr<LoadedBatch<Batch>> make(int64_t turn, int worker) {
    if (turn >= pass_.num_batches) return nullptr;
    D& dataset = copies_.empty() ? core_.dataset : *copies_[static_cast<size_t>(worker)];
    return std::make_shared<LoadedBatch<Batch>>(LoadedBatch<Batch>{make_batch(dataset, pass_, turn)});
  }

  BatchPipeline::Options pipeline() const {
    return {core_.cursor.options().num_workers, core_.cursor.options().prefetch};
  }
  /// Returns how many batches are dropped before the first is handed out.
  int64_t skip() const { return 0; }
  std::optional<int64_t> num_batches() const { return pass_.num_batches; }
  void handed_out(LoadedBatch<Batch>& /*batch*/, int64_t batches) { core_.cursor.handed_out(pass_, batches); }
  void ended() {}

 private:
  LoaderCore<D>& core_;
  LoaderPass pass_;
  std::vector<std::unique_ptr<D>> copies_;  // by worker, where each needs its own
};

/// The batches of one loop over streams.
template <StreamedDataset D>
class StreamSource {
 public:
  using Batch = typename BatchOf<D>::type;

  explicit StreamSource(LoaderCore<D>& core) : core_(core), pass_(core.cursor.begin_pass()) {
    for (size_t i = 0; i < pass_.places.size(); ++i) {
      const int worker = static_cast<int>(i);
      Slot& slot = slots_.emplace_back();
      slot.context = core.cursor.context(pass_.epoch, worker);
      slot.context.generator = make_generator();
      slot.seed = core.cursor.stream_seed(pass_.epoch, worker);
      slot.place = pass_.places[i];
    }
  }

  /// Called by one thread for each worker.
  std::shared_ptr<LoadedBatch<Batch>> make(int64_t /*turn*/, int worker) {
    Slot& slot = slots_[static_cast<size_t>(worker)];
    if (slot.is_over) return nullptr;
    SampleRandomness randomness(slot.context.generator);
    randomness.begin_stream_batch(slot.seed, slot.place.batches);
    randomness.generator();  // the stream has it too: it must be seeded even if nobody asks here
    if (!slot.stream) begin(slot);
    std::optional<Batch> batch = read(slot);
    if (!batch) return nullptr;
    ++slot.place.batches;
    if constexpr (StatefulStream<StreamOf<D>>) slot.place.state = slot.stream->state_dict();
    return std::make_shared<LoadedBatch<Batch>>(LoadedBatch<Batch>{std::move(*batch), nullptr, worker, slot.place});
  }

  BatchPipeline::Options pipeline() const {
    return {core_.cursor.options().num_workers, core_.cursor.options().prefetch, true, pass_.first_worker};
  }
  int64_t skip() const { return pass_.skip; }
  std::optional<int64_t> num_batches() const { return std::nullopt; }
  void handed_out(LoadedBatch<Batch>& batch, int64_t batches) {
    core_.cursor.handed_out(pass_, batches, batch.worker, std::move(batch.place));
  }
  void ended() { core_.cursor.ended(pass_); }

 private:
  struct Slot {
    StreamContext context;
    uint64_t seed = 0;
    StreamPlace place;
    std::optional<StreamOf<D>> stream;
    bool is_over = false;
  };

  void begin(Slot& slot) {
    slot.stream.emplace(std::as_const(core_.dataset).stream(slot.context));
    if constexpr (StatefulStream<StreamOf<D>>) {
      if (slot.place.batches > 0) slot.stream->load_state_dict(slot.place.state);
    }
  }

  std::optional<Batch> read(Slot& slot) {
    const auto size = static_cast<size_t>(core_.cursor.batch_size());
    SampleCollector<D> collector(core_.dataset, size);
    size_t count = 0;
    while (count < size && !slot.is_over) {
      if (auto sample = slot.stream->next()) {
        collector.add(std::move(*sample));
        ++count;
      } else {
        slot.is_over = true;
      }
    }
    if (count == 0 || (count < size && core_.cursor.options().remainder == Remainder::kDrop)) return std::nullopt;
    return collector.finish();
  }

  LoaderCore<D>& core_;
  StreamPass pass_;
  std::vector<Slot> slots_;  // by worker
};

template <Dataset D>
struct SourceOf {
  using type = IndexedSource<D>;
};
template <StreamedDataset D>
struct SourceOf<D> {
  using type = StreamSource<D>;
};

/// One running loop.
template <Dataset D>
class LoaderRun {
 public:
  using Batch = typename BatchOf<D>::type;

  explicit LoaderRun(std::shared_ptr<LoaderCore<D>> core)
      : core_(std::move(core)), source_(*core_), pipeline_(maker(), source_.pipeline()) {}

  /// Returns the batch that is handed out, null after the last one.
  Batch* current() const { return current_ == nullptr ? nullptr : &current_->batch; }

  std::optional<int64_t> num_batches() const { return source_.num_batches(); }

  void advance() {
    for (; skipped_ < source_.skip(); ++skipped_) {
      const std::shared_ptr<Loaded> dropped = next();
      if (dropped == nullptr) break;
      source_.handed_out(*dropped, 0);
    }
    std::shared_ptr<Loaded> loaded = next();
    if (loaded == nullptr) {
      source_.ended();
    } else {
      // The batch counts as handed out only afterwards: what is called here may save where the loader stands, and throw.
      if (core_->before_batch && is_training()) core_->before_batch();
      core_->feed.finish(loaded->copy, visit(loaded->batch));
      source_.handed_out(*loaded, ++fetched_);
    }
    current_ = std::move(loaded);
  }

 private:
  using Loaded = LoadedBatch<Batch>;
  using Source = typename SourceOf<D>::type;

  static DeviceFeed::Visit visit(Batch& batch) {
    return [&batch](const TensorVisitor& visitor) {
      if constexpr (TensorTree<Batch>) visit_tensors(batch, visitor);
    };
  }

  BatchPipeline::Make maker() {
    prepare_sample_randomness();
    return [this](int64_t turn, int worker) -> std::shared_ptr<void> {
      std::shared_ptr<Loaded> loaded = source_.make(turn, worker);
      if (loaded != nullptr) loaded->copy = core_->feed.begin(visit(loaded->batch));
      return loaded;
    };
  }

  std::shared_ptr<Loaded> next() { return std::static_pointer_cast<Loaded>(pipeline_.next()); }
  bool is_training() const {
    return c10::GradMode::is_enabled() && core_->cursor.options().remainder != Remainder::kExact;
  }

  std::shared_ptr<LoaderCore<D>> core_;
  Source source_;
  std::shared_ptr<Loaded> current_;
  int64_t fetched_ = 0;
  int64_t skipped_ = 0;
  BatchPipeline pipeline_;  // last: its threads use the others
};

}  // namespace fabric::detail
