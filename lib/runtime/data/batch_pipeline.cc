#include "fabric/batch_pipeline.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <omp.h>

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "core/helper_thread.h"

namespace fabric::detail {

class BatchPipeline::Workers {
 public:
  Workers(const Make& make, int64_t num_batches, int num_workers, int prefetch)
      : make_(make), num_batches_(num_batches), most_ahead_(int64_t{num_workers} * prefetch) {
    for (int i = 0; i < num_workers; ++i) {
      threads_.push_back(start_helper_thread("fabric-data", [this](std::stop_token stop) { work(stop); }));
    }
  }

  ~Workers() {
    for (std::jthread& thread : threads_) thread.request_stop();  // all first, so that they end together
  }

  std::shared_ptr<void> take(int64_t batch) {
    std::unique_lock lock(mutex_);
    // No deadline: a worker that has the batch ends with it or with an exception, and only the dataset knows how long.
    changed_.wait(lock, [&] { return made_.count(batch) != 0; });
    const Made made = std::move(made_.extract(batch).mapped());
    taken_ = batch + 1;
    lock.unlock();
    changed_.notify_all();
    if (made.failure) std::rethrow_exception(made.failure);
    return made.batch;
  }

 private:
  struct Made {
    std::shared_ptr<void> batch;
    std::exception_ptr failure;
  };

  void work(const std::stop_token& stop) {
    // Workers compute beside the trainer: one thread each. Not at::set_num_threads(), which also changes threads made later.
    at::internal::lazy_init_num_threads();
    omp_set_num_threads(1);
    while (const auto batch = claim(stop)) {
      Made made;
      try {
        const c10::NoGradGuard no_gradients;
        made.batch = make_(*batch);
      } catch (...) {
        made.failure = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        made_.emplace(*batch, std::move(made));
      }
      changed_.notify_all();
    }
  }

  std::optional<int64_t> claim(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return claimed_ == num_batches_ || claimed_ < taken_ + most_ahead_; });
    if (stop.stop_requested() || claimed_ == num_batches_) return std::nullopt;
    return claimed_++;
  }

  const Make& make_;
  const int64_t num_batches_;
  const int64_t most_ahead_;
  std::mutex mutex_;  // guards what follows, up to the threads
  std::condition_variable_any changed_;
  int64_t claimed_ = 0;
  int64_t taken_ = 0;
  std::map<int64_t, Made> made_;
  std::vector<std::jthread> threads_;
};

BatchPipeline::BatchPipeline(Make make, int64_t num_batches, int num_workers, int prefetch)
    : make_(std::move(make)), num_batches_(num_batches) {
  if (num_workers > 0) workers_ = std::make_unique<Workers>(make_, num_batches, num_workers, prefetch);
}

BatchPipeline::~BatchPipeline() = default;

std::shared_ptr<void> BatchPipeline::next() {
  if (next_ == num_batches_) return nullptr;
  const int64_t batch = next_++;
  if (workers_ != nullptr) return workers_->take(batch);
  const c10::NoGradGuard no_gradients;
  return make_(batch);
}

}  // namespace fabric::detail
