#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"

namespace fabric::rendezvous {

/// When to look at whose lease: one entry for each agent, at the end of its lease or before. A heartbeat renews a lease
/// without a word to the queue; whoever takes an entry that is due looks at the lease, and puts it back if that has not ended.
class LeaseQueue {
 public:
  struct Entry {
    TimePoint at;
    uint64_t join_order = 0;  ///< of the agent when it was put in: it may have been forgotten and have come again
    AgentId agent;
  };

  void put(Entry entry) {
    heap_.push_back(std::move(entry));
    std::push_heap(heap_.begin(), heap_.end(), is_later);
  }
  /// Takes the earliest entry if it is due at `now`.
  std::optional<Entry> take_due(TimePoint now) {
    if (heap_.empty() || now < heap_.front().at) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    Entry entry = std::move(heap_.back());
    heap_.pop_back();
    return entry;
  }
  /// Returns when the earliest entry is due.
  std::optional<TimePoint> next() const { return heap_.empty() ? std::nullopt : std::make_optional(heap_.front().at); }

 private:
  static bool is_later(const Entry& a, const Entry& b) {
    return std::tie(a.at, a.join_order) > std::tie(b.at, b.join_order);
  }

  std::vector<Entry> heap_;
};

}  // namespace fabric::rendezvous
