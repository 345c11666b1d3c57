#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/store_messages.h"

namespace fabric::rendezvous {

/// Names one parked call; chosen by the caller, never twice.
struct WaiterId {
  uint64_t value = 0;
  auto operator<=>(const WaiterId&) const = default;
};

/// A parked call whose answer is there.
struct Released {
  WaiterId waiter;
  StoreResponse response;
};

struct StoreLimits {
  size_t key_bytes = size_t{4} << 10;
  size_t value_bytes = size_t{64} << 20;
  /// All keys and values together, those of queues too.
  size_t total_bytes = size_t{1} << 30;
};

/// Keys, values and queues of one generation, and who waits for them. Pure: no I/O, no clock, no lock.
///
/// A wait for several keys is answered once all are there at the same time. A queue that is not empty counts as there
/// for kWait and kCheck, as in LibTorch's TCPStore; waiting pops are served in the order in which they came.
class StoreTable {
 public:
  explicit StoreTable(StoreLimits limits = {}) : limits_(limits) {}

  /// Performs `request`. Returns the answer, or nullopt if the call is parked as `waiter` until a change, its timeout,
  /// close() or forget(). Afterwards take_released() has those that this change let go.
  ///
  /// Answers kInvalidArgument for a wrong number of keys or values, kResourceExhausted beyond a limit (nothing is changed
  /// then), kFailedPrecondition for kAdd to what is no number, kAborted after close().
  std::optional<StoreResponse> apply(const StoreRequest& request, TimePoint now, WaiterId waiter);

  /// Returns parked calls that the changes since the last call have answered, in the order in which that happened.
  std::vector<Released> take_released();
  /// Returns the calls whose timeout has passed, each with kDeadlineExceeded and the names of the keys still missing.
  std::vector<Released> expire(TimePoint now);
  /// Ends the generation: returns all parked calls with kAborted; every later one gets that at once.
  std::vector<Released> close();
  /// Drops a parked call whose caller has gone; harmless if it is not there.
  void forget(WaiterId waiter);

  /// Returns when the next parked call times out, nullopt if none waits.
  std::optional<TimePoint> next_deadline() const;
  size_t num_waiters() const { return waiters_.size(); }
  size_t total_bytes() const { return total_bytes_; }

 private:
  struct Waiter {
    StoreRequest request;
    TimePoint deadline;
    std::string parked_on;  // the first key that was missing when it was last looked at
  };

  StoreResponse set(const StoreRequest& request);
  StoreResponse add(const StoreRequest& request);
  StoreResponse compare_set(const StoreRequest& request);
  StoreResponse remove(const StoreRequest& request);
  StoreResponse append(const StoreRequest& request);
  StoreResponse push(const StoreRequest& request);
  StoreResponse check(const StoreRequest& request) const;
  StoreResponse queue_length(const StoreRequest& request) const;
  /// Answers a waiting operation if nothing it needs is missing.
  std::optional<StoreResponse> try_complete(const StoreRequest& request);
  std::optional<StoreResponse> complete_or_park(const StoreRequest& request, TimePoint now, WaiterId waiter);

  Status check_shape(const StoreRequest& request) const;
  Status check_sizes(const StoreRequest& request) const;
  Status reserve(size_t added, size_t freed) const;
  StoreResponse store(const std::string& key, std::string value);
  bool has(StoreOp op, const std::string& key) const;
  const std::string* first_missing(const StoreRequest& request) const;
  std::string missing_keys(const StoreRequest& request) const;
  void park(WaiterId id, Waiter waiter);
  void wake(const std::string& key);
  Waiter unpark(WaiterId id);

  StoreLimits limits_;
  bool closed_ = false;
  size_t total_bytes_ = 0;
  std::unordered_map<std::string, std::string> values_;
  std::unordered_map<std::string, std::deque<std::string>> queues_;
  std::map<WaiterId, Waiter> waiters_;
  std::unordered_map<std::string, std::list<WaiterId>> parked_;  // by Waiter::parked_on, oldest first
  std::multimap<TimePoint, WaiterId> deadlines_;
  std::vector<Released> released_;
};

}  // namespace fabric::rendezvous
