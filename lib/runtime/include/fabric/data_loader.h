#pragma once

#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "fabric/batch_pipeline.h"
#include "fabric/collate.h"
#include "fabric/dataset.h"
#include "fabric/export.h"
#include "fabric/loader_cursor.h"
#include "fabric/sampler.h"
#include "fabric/strategy.h"
#include "fabric/tensor_tree.h"
#include "fabric/value.h"

namespace fabric {

/// A dataset that makes its batches itself.
template <class D>
concept CollatingDataset = Dataset<D> && requires(const D& dataset, std::vector<SampleOf<D>> samples) {
  dataset.collate(std::move(samples));
};

/// The type of a loader's batches.
template <Dataset D>
struct BatchOf {
  using type = typename Collate<SampleOf<D>>::Batch;
};
template <CollatingDataset D>
struct BatchOf<D> {
  using type = decltype(std::declval<const D&>().collate(std::declval<std::vector<SampleOf<D>>>()));
};

namespace detail {

FABRIC_API void move_tensor(at::Tensor& tensor, const c10::Device& device);

/// What the handles of one loader share.
template <Dataset D>
struct LoaderCore {
  using Batch = typename BatchOf<D>::type;

  /// Makes batch `number` of `pass`. Any thread.
  std::shared_ptr<Batch> make_batch(const LoaderPass& pass, int64_t number) const {
    std::vector<SampleOf<D>> samples;
    at::Generator generator = make_sample_generator();
    for (const int64_t index : pass.batch(number)) {
      if constexpr (ContextDataset<D>) seed_sample_generator(generator, pass.seed, pass.epoch, index);
      SampleContext context{generator, pass.epoch, index};
      samples.push_back(get_sample(dataset, static_cast<size_t>(index), context));
    }
    if constexpr (CollatingDataset<D>) {
      return std::make_shared<Batch>(dataset.collate(std::move(samples)));
    } else {
      return std::make_shared<Batch>(Collate<SampleOf<D>>::collate(std::move(samples)));
    }
  }

  void move_to_device(Batch& batch) const {
    if constexpr (TensorTree<Batch>) {
      if (device.is_cpu()) return;
      const auto move = [this](at::Tensor& tensor) { move_tensor(tensor, device); };
      visit_tensors(batch, TensorVisitor(move));
    }
  }

  const D dataset;
  LoaderCursor cursor;
  c10::Device device;
};

/// One running loop.
template <Dataset D>
struct LoaderRun {
  using Batch = typename BatchOf<D>::type;

  explicit LoaderRun(std::shared_ptr<LoaderCore<D>> owner)
      : core(std::move(owner)),
        pass(core->cursor.begin_pass()),
        pipeline([this](int64_t number) -> std::shared_ptr<void> { return core->make_batch(pass, number); },
                 pass.num_batches, core->cursor.options().num_workers, core->cursor.options().prefetch) {}

  void advance() {
    current = std::static_pointer_cast<Batch>(pipeline.next());
    if (current == nullptr) return;
    core->move_to_device(*current);
    core->cursor.handed_out(pass, ++fetched);
  }

  std::shared_ptr<LoaderCore<D>> core;
  LoaderPass pass;
  std::shared_ptr<Batch> current;
  int64_t fetched = 0;
  BatchPipeline pipeline;  // last: its threads use the others
};

}  // namespace detail

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
    Batch& operator*() const { return *run_->current; }
    Batch* operator->() const { return run_->current.get(); }
    Iterator& operator++() {
      run_->advance();
      return *this;
    }
    void operator++(int) { run_->advance(); }
    bool operator==(std::default_sentinel_t) const { return run_->current == nullptr; }

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
  /// Returns how many samples of this epoch were handed out, on all ranks together.
  int64_t position() const { return core_->cursor.position(); }
  /// Returns how many batches a whole epoch has on this rank.
  int64_t size() const { return core_->cursor.size(); }
  const D& dataset() const { return core_->dataset; }
  /// For Fabric itself.
  std::shared_ptr<detail::LoaderCursor> cursor() const { return {core_, &core_->cursor}; }

  /// Returns where the loader stands; what was made ahead counts as not handed out. The same on all ranks.
  Value state_dict() const { return core_->cursor.state_dict(); }
  /// Goes on from there: the next loop gives the samples that are left of that epoch, also with another number of ranks.
  /// Loops that run already are not changed. Throws UsageError if the dataset had another size.
  void load_state_dict(const Value& state) { core_->cursor.load_state_dict(state); }

 private:
  static std::shared_ptr<detail::LoaderCore<D>> make_core(D dataset, DataLoaderOptions options,
                                                          Strategy::DataShare share, c10::Device device,
                                                          uint64_t seed) {
    detail::LoaderCursor cursor(static_cast<int64_t>(dataset.size()), std::move(options), share, seed);
    return std::shared_ptr<detail::LoaderCore<D>>(
        new detail::LoaderCore<D>{std::move(dataset), std::move(cursor), device});
  }

  std::shared_ptr<detail::LoaderCore<D>> core_;
};

}  // namespace fabric
