#include "fabric/batch_pipeline.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <omp.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/helper_thread.h"

namespace fabric::detail {

class BatchPipeline::Workers {
 public:
  Workers(const Make& make, const Options& options)
      : make_(make),
        options_(options),
        taken_(options.first_turn),
        claimed_(options.first_turn),
        slots_(static_cast<size_t>(options.num_workers) * static_cast<size_t>(options.prefetch)) {
    for (int worker = 0; worker < options.num_workers; ++worker) {
      threads_.push_back(start_helper_thread("fabric-data", [this, worker] { work(worker); }));
    }
  }

  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      is_stopped_ = true;
    }
    has_room_.notify_all();
  }

  /// Returns the batch of the turn that follows the one taken before. Called for each turn, but for those of ended workers.
  std::shared_ptr<void> take(int64_t turn) {
    std::unique_lock lock(mutex_);
    Slot& slot = slot_of(turn);
    // No deadline: a worker that has the turn ends with it or with an exception, and only the dataset knows how long.
    is_made_.wait(lock, [&] { return slot.turn == turn; });
    const Slot made = std::exchange(slot, Slot{});
    taken_ = turn + 1;
    lock.unlock();
    // With fixed turns only one of the workers can use the room; which one is not known to the condition.
    if (options_.fixed_turns) {
      has_room_.notify_all();
    } else {
      has_room_.notify_one();
    }
    if (made.failure) std::rethrow_exception(made.failure);
    return made.batch;
  }

  /// Gives the room of a turn that will not be taken to those after it.
  void pass_over(int64_t turn) {
    {
      const std::lock_guard lock(mutex_);
      taken_ = turn + 1;
    }
    has_room_.notify_all();
  }

 private:
  struct Slot {
    int64_t turn = -1;  ///< which it holds; -1 if none
    std::shared_ptr<void> batch;
    std::exception_ptr failure;
  };

  void work(int worker) {
    // Workers compute beside the trainer: one thread each. Not at::set_num_threads(), which also changes threads made later.
    at::internal::lazy_init_num_threads();
    omp_set_num_threads(1);
    const c10::NoGradGuard no_gradients;
    std::optional<int64_t> before;
    bool is_over = false;
    while (!is_over) {
      const std::optional<int64_t> turn = claim(worker, before);
      if (!turn) return;
      before = turn;
      Slot made{*turn, nullptr, nullptr};
      try {
        made.batch = make_(*turn, worker);
        is_over = made.batch == nullptr;
      } catch (...) {
        made.failure = std::current_exception();
      }
      bool is_awaited = false;
      {
        const std::lock_guard lock(mutex_);
        is_awaited = *turn == taken_;
        slot_of(*turn) = std::move(made);
      }
      if (is_awaited) is_made_.notify_one();
    }
  }

  /// Returns the turn that `worker` is to make, when there is room for it; nullopt if all is to end.
  std::optional<int64_t> claim(int worker, std::optional<int64_t> before) {
    std::unique_lock lock(mutex_);
    const int64_t first =
        options_.first_turn +
        (worker - options_.first_turn % options_.num_workers + options_.num_workers) % options_.num_workers;
    const auto next = [&] {
      if (!options_.fixed_turns) return claimed_;
      return before ? *before + options_.num_workers : first;
    };
    has_room_.wait(lock, [&] { return is_stopped_ || next() < taken_ + static_cast<int64_t>(slots_.size()); });
    if (is_stopped_) return std::nullopt;
    const int64_t turn = next();
    claimed_ = std::max(claimed_, turn + 1);
    return turn;
  }

  Slot& slot_of(int64_t turn) { return slots_[static_cast<size_t>(turn) % slots_.size()]; }

  const Make& make_;
  const Options options_;
  std::mutex mutex_;  // guards what follows, up to the threads
  std::condition_variable has_room_;
  std::condition_variable is_made_;
  bool is_stopped_ = false;
  int64_t taken_;
  int64_t claimed_;
  std::vector<Slot> slots_;
  std::vector<std::jthread> threads_;
};

BatchPipeline::BatchPipeline(Make make, const Options& options)
    : make_(std::move(make)),
      options_(options),
      next_(options.first_turn),
      ended_(options.fixed_turns ? static_cast<size_t>(std::max(options.num_workers, 1)) : 1) {
  if (options.num_workers > 0) workers_ = std::make_unique<Workers>(make_, options_);
}

BatchPipeline::~BatchPipeline() = default;

std::shared_ptr<void> BatchPipeline::take(int64_t turn) {
  if (workers_ != nullptr) return workers_->take(turn);
  const c10::NoGradGuard no_gradients;
  return make_(turn, 0);
}

std::shared_ptr<void> BatchPipeline::next() {
  while (std::find(ended_.begin(), ended_.end(), false) != ended_.end()) {
    const int64_t turn = next_++;
    const size_t worker = static_cast<size_t>(turn) % ended_.size();
    if (ended_[worker]) {
      if (workers_ != nullptr) workers_->pass_over(turn);
      continue;
    }
    if (std::shared_ptr<void> batch = take(turn)) return batch;
    ended_[worker] = true;
  }
  return nullptr;
}

}  // namespace fabric::detail
