#pragma once

#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "fabric/batch_of.h"
#include "fabric/loader_options.h"
#include "fabric/loader_run.h"
#include "fabric/num_workers.h"
#include "fabric/padding.h"
#include "fabric/strategy.h"
#include "fabric/value.h"

namespace fabric {

/// Gives this rank its share of a dataset in batches, on the Fabric's device. A handle: copies share the place in the data.
///
/// Each loop goes once through an epoch: `for (auto& [images, labels] : loader)`. A batch counts as handed out when the loop
/// gets it; batches made ahead do not. Leaving a loop early is fine, and so are two loops at once. An exception of the
/// dataset reaches the loop.
template <Dataset D>
class DataLoader {
 public:
  using Batch = typename BatchOf<D>::type;

  /// A place in a running loop; the batch stays as long as the iterator is not advanced.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(std::shared_ptr<detail::LoaderRun<D>> run) : run_(std::move(run)) { run_->advance(); }
    Batch& operator*() const { return *run_->current(); }
    Batch* operator->() const { return run_->current(); }
    Iterator& operator++() {
      run_->advance();
      return *this;
    }
    void operator++(int) { run_->advance(); }
    bool operator==(std::default_sentinel_t) const { return run_->current() == nullptr; }
    /// Returns how many batches this loop has from its beginning to its end; nullopt of streams.
    std::optional<int64_t> num_batches() const { return run_->num_batches(); }

   private:
    std::shared_ptr<detail::LoaderRun<D>> run_;
  };

  /// The epochs that are still to come, as a range of their numbers.
  class Epochs {
   public:
    class Iterator {
     public:
      Iterator(std::shared_ptr<detail::LoaderCore<D>> core, int64_t count)
          : core_(std::move(core)),
            holder_(std::make_shared<char>()),
            epoch_(core_->cursor.next_epoch()),
            count_(count) {
        hold();
      }
      int64_t operator*() const { return epoch_; }
      Iterator& operator++() {
        ++epoch_;
        hold();
        return *this;
      }
      bool operator==(std::default_sentinel_t) const { return epoch_ >= count_; }

     private:
      void hold() {
        if (epoch_ < count_) core_->cursor.hold_epoch(epoch_, holder_);
      }

      std::shared_ptr<detail::LoaderCore<D>> core_;
      std::shared_ptr<void> holder_;
      int64_t epoch_;
      int64_t count_;
    };

    Epochs(std::shared_ptr<detail::LoaderCore<D>> core, int64_t count) : core_(std::move(core)), count_(count) {}
    Iterator begin() const { return Iterator(core_, count_); }
    std::default_sentinel_t end() const { return {}; }

   private:
    std::shared_ptr<detail::LoaderCore<D>> core_;
    int64_t count_;
  };

  /// Made by Fabric::setup_dataloader(). Throws UsageError for options that cannot be.
  DataLoader(D dataset, DataLoaderOptions options, Strategy::DataShare share, c10::Device device, uint64_t seed)
      : core_(make_core(std::move(dataset), std::move(options), share, device, seed)) {}

  /// Begins a loop, in the next epoch if there was one before; inside a loop over epochs(), in that epoch. The first loop
  /// after load_state_dict() goes on in the middle of its epoch.
  Iterator begin() const { return Iterator(std::make_shared<detail::LoaderRun<D>>(core_)); }
  std::default_sentinel_t end() const { return {}; }

  /// Returns the epochs up to `count`, counted from the loader's beginning and not from now:
  /// `for (int64_t epoch : loader.epochs(10))` does what is left of ten epochs after a resume.
  Epochs epochs(int64_t count) const { return Epochs(core_, count); }

  /// Returns the epoch of the latest loop, from 0.
  int64_t epoch() const { return core_->cursor.epoch(); }
  /// Returns how many samples of this epoch were handed out, on all ranks together; with a batch sampler, how many batches; of
  /// streams, how many batches on this rank.
  int64_t position() const { return core_->cursor.position(); }
  /// Returns how many batches a whole epoch has on this rank; with a batch sampler, the epoch of the latest loop.
  int64_t size() const requires IndexedDataset<D> { return core_->cursor.size(); }
  const D& dataset() const { return core_->dataset; }
  /// For Fabric itself.
  std::shared_ptr<detail::EpochCursor> cursor() const { return {core_, &core_->cursor}; }

  /// Has `hook` called just before each batch is handed out in a loop that trains: neither without gradients (NoGradGuard) nor
  /// with Remainder::kExact. The batch counts as handed out only when it returns; what it throws leaves the loop. All handles of
  /// the loader share one hook, which an empty function takes away.
  void set_before_batch(std::function<void()> hook) { core_->before_batch = std::move(hook); }

  /// Returns where the loader stands; what was made ahead counts as not handed out. The same on all ranks, but for streams that
  /// have states of their own: those are in it too, and serve the rank that saved them.
  Value state_dict() const { return core_->cursor.state_dict(); }
  /// Goes on from there: the next loop gives the samples that are left of that epoch, also with another number of ranks or
  /// workers; streams need the same. Loops that run already are not changed. Throws UsageError if the dataset had another size.
  void load_state_dict(const Value& state) { core_->cursor.load_state_dict(state); }

 private:
  static std::shared_ptr<detail::LoaderCore<D>> make_core(D dataset, DataLoaderOptions options,
                                                          Strategy::DataShare share, c10::Device device,
                                                          uint64_t seed) {
    detail::DeviceFeed feed(device, options.pin_memory);
    if constexpr (StreamedDataset<D>) {
      constexpr bool kKeepsStates = StatefulStream<StreamOf<D>>;
      detail::StreamCursor cursor(std::move(options), share, seed, kKeepsStates);
      return std::shared_ptr<detail::LoaderCore<D>>(
          new detail::LoaderCore<D>{std::move(dataset), std::move(cursor), std::move(feed)});
    } else {
      detail::LoaderCursor cursor(detail::size_of(dataset), std::move(options), share, seed);
      return std::shared_ptr<detail::LoaderCore<D>>(
          new detail::LoaderCore<D>{std::move(dataset), std::move(cursor), std::move(feed)});
    }
  }

  std::shared_ptr<detail::LoaderCore<D>> core_;
};

}  // namespace fabric
