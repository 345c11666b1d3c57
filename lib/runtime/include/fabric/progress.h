#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fabric/data_loader.h"
#include "fabric/export.h"

namespace fabric {

class Clock;

namespace detail {

/// Shows how far a loop is. On a terminal it is one line that changes, at most ten times a second, and is ended when the object
/// goes. Elsewhere it is a line every five seconds.
class FABRIC_API ProgressLine {
 public:
  /// Where it writes.
  struct Output {
    bool is_terminal = false;
    std::function<void(std::string_view)> write;
    const Clock* clock = nullptr;  ///< outlives the line
  };

  /// `total` is how many batches the epoch has, if that is known; `done` of them were handed out in an earlier run.
  ProgressLine(int64_t epoch, std::optional<int64_t> total, int64_t done, Output output);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  /// Notes that the loop has ended `done` batches of the epoch.
  void show(int64_t done);

  /// Returns an output that writes to stdout.
  static Output standard_output();

 private:
  std::string text(double seconds) const;
  void write_line();

  const int64_t epoch_;
  const std::optional<int64_t> total_;
  const int64_t done_before_;
  const Output output_;
  const int64_t began_ns_;
  int64_t shown_ns_;
  int64_t done_;
  int64_t shown_done_ = -1;
};

}  // namespace detail

/// A loop over a loader that shows its progress: what Fabric::progress() returns.
template <Dataset D>
class Progress {
 public:
  using Batch = typename DataLoader<D>::Batch;

  /// As the loader's own; destroying the last copy ends the line, on whatever way the loop is left.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    Iterator(const DataLoader<D>& loader, bool is_shown) : loop_(loader.begin()) {
      if (!is_shown) return;
      std::optional<int64_t> total;
      if constexpr (IndexedDataset<D>) total = loader.size();
      done_ = total ? *total - loop_.num_batches().value_or(*total) : 0;
      line_ =
          std::make_shared<detail::ProgressLine>(loader.epoch(), total, done_, detail::ProgressLine::standard_output());
    }
    Batch& operator*() const { return *loop_; }
    Batch* operator->() const { return loop_.operator->(); }
    Iterator& operator++() {
      if (line_ != nullptr) line_->show(++done_);
      ++loop_;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t end) const { return loop_ == end; }

   private:
    typename DataLoader<D>::Iterator loop_;
    std::shared_ptr<detail::ProgressLine> line_;
    int64_t done_ = 0;
  };

  Progress(DataLoader<D> loader, bool is_shown) : loader_(std::move(loader)), is_shown_(is_shown) {}
  Iterator begin() const { return Iterator(loader_, is_shown_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  DataLoader<D> loader_;
  bool is_shown_;
};

}  // namespace fabric
