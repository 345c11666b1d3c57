#include "rendezvous/store_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace fabric::rendezvous {

namespace {

StoreResponse answer(int64_t number) { return {StatusCode::kOk, {}, {}, number}; }
StoreResponse answer(std::string value) { return {StatusCode::kOk, {}, {std::move(value)}, 0}; }
StoreResponse failure(const Status& status) { return {status.code(), status.message(), {}, 0}; }
StoreResponse aborted_answer() {
  return failure(aborted("the store is closed because its generation is over; the rank is about to be stopped"));
}

// A request may ask for more than a time point can hold.
Nanoseconds timeout_of(const StoreRequest& request) {
  constexpr int64_t kTenYearsMs = int64_t{10} * 366 * 24 * 3'600'000;
  return std::chrono::milliseconds(std::min(request.timeout_ms, kTenYearsMs));
}

struct Shape {
  size_t least_keys = 1;
  size_t most_keys = 1;
  size_t values = 0;
};

Shape shape_of(const StoreRequest& request) {
  constexpr size_t kMany = 1'000'000;
  switch (request.op) {
    case StoreOp::kSet:
    case StoreOp::kAppend:
    case StoreOp::kQueuePush:
      return {1, 1, 1};
    case StoreOp::kCompareSet:
      return {1, 1, 2};
    case StoreOp::kWait:
    case StoreOp::kMultiGet:
    case StoreOp::kCheck:
      return {0, kMany, 0};
    case StoreOp::kMultiSet:
      return {0, kMany, request.keys.size()};
    case StoreOp::kNumKeys:
      return {0, 0, 0};
    case StoreOp::kGet:
    case StoreOp::kAdd:
    case StoreOp::kDelete:
    case StoreOp::kQueuePop:
    case StoreOp::kQueueLength:
      return {1, 1, 0};
  }
  return {1, 0, 0};
}

}  // namespace

std::optional<StoreResponse> StoreTable::apply(const StoreRequest& request, TimePoint now, WaiterId waiter) {
  if (closed_) return aborted_answer();
  if (const Status status = check_shape(request); !status.ok()) return failure(status);
  if (const Status status = check_sizes(request); !status.ok()) return failure(status);
  switch (request.op) {
    case StoreOp::kSet:
    case StoreOp::kMultiSet:
      return set(request);
    case StoreOp::kAdd:
      return add(request);
    case StoreOp::kCompareSet:
      return compare_set(request);
    case StoreOp::kDelete:
      return remove(request);
    case StoreOp::kAppend:
      return append(request);
    case StoreOp::kQueuePush:
      return push(request);
    case StoreOp::kCheck:
      return check(request);
    case StoreOp::kNumKeys:
      return answer(static_cast<int64_t>(values_.size()));
    case StoreOp::kQueueLength:
      return queue_length(request);
    case StoreOp::kGet:
    case StoreOp::kWait:
    case StoreOp::kMultiGet:
    case StoreOp::kQueuePop:
      return complete_or_park(request, now, waiter);
  }
  return failure(invalid_argument("unknown operation"));
}

std::vector<Released> StoreTable::take_released() { return std::exchange(released_, {}); }

std::vector<Released> StoreTable::expire(TimePoint now) {
  std::vector<Released> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const WaiterId id = deadlines_.begin()->second;
    const Waiter waiter = unpark(id);
    expired.push_back({id, failure(deadline_exceeded(concat("waited ", waiter.request.timeout_ms, " ms for ",
                                                            missing_keys(waiter.request))))});
  }
  return expired;
}

std::vector<Released> StoreTable::close() {
  closed_ = true;
  std::vector<Released> all = take_released();
  for (const auto& [id, waiter] : waiters_) all.push_back({id, aborted_answer()});
  waiters_.clear();
  parked_.clear();
  deadlines_.clear();
  values_.clear();
  queues_.clear();
  total_bytes_ = 0;
  return all;
}

void StoreTable::forget(WaiterId waiter) {
  if (waiters_.contains(waiter)) unpark(waiter);
}

std::optional<TimePoint> StoreTable::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::make_optional(deadlines_.begin()->first);
}

// ---- operations -------------------------------------------------------------------------------------------------------

StoreResponse StoreTable::set(const StoreRequest& request) {
  size_t added = 0;
  for (size_t i = 0; i < request.keys.size(); ++i) added += request.keys[i].size() + request.values[i].size();
  // What is overwritten counts as free only for a single key: a multi-set must not fail half done.
  const auto old = request.keys.size() == 1 ? values_.find(request.keys[0]) : values_.end();
  const size_t freed = old == values_.end() ? 0 : old->first.size() + old->second.size();
  if (const Status status = reserve(added, freed); !status.ok()) return failure(status);
  for (size_t i = 0; i < request.keys.size(); ++i) store(request.keys[i], request.values[i]);
  for (const std::string& key : request.keys) wake(key);
  return {};
}

StoreResponse StoreTable::add(const StoreRequest& request) {
  int64_t current = 0;
  if (const auto at = values_.find(request.keys[0]); at != values_.end()) {
    const char* const end = at->second.data() + at->second.size();
    if (const auto parsed = std::from_chars(at->second.data(), end, current);
        parsed.ec != std::errc() || parsed.ptr != end) {
      return failure(
          failed_precondition(concat("add needs a decimal number at key '", request.keys[0],
                                     "', but its value is something else; use another key for the counter")));
    }
  }
  int64_t sum = 0;
  if (__builtin_add_overflow(current, request.number, &sum)) {
    return failure(out_of_range(concat("the counter '", request.keys[0], "' would leave 64 bits")));
  }
  StoreResponse response = store(request.keys[0], std::to_string(sum));
  if (response.code != StatusCode::kOk) return response;
  wake(request.keys[0]);
  return answer(sum);
}

StoreResponse StoreTable::compare_set(const StoreRequest& request) {
  const std::string& expected = request.values[0];
  const auto at = values_.find(request.keys[0]);
  const bool equal = at == values_.end() ? expected.empty() : at->second == expected;
  // For an absent key LibTorch's stores answer with what was expected, and callers rely on it.
  if (!equal) return answer(at == values_.end() ? expected : at->second);
  StoreResponse response = store(request.keys[0], request.values[1]);
  if (response.code != StatusCode::kOk) return response;
  wake(request.keys[0]);
  return answer(request.values[1]);
}

StoreResponse StoreTable::remove(const StoreRequest& request) {
  const auto at = values_.find(request.keys[0]);
  if (at == values_.end()) return answer(int64_t{0});
  total_bytes_ -= at->first.size() + at->second.size();
  values_.erase(at);
  return answer(int64_t{1});
}

StoreResponse StoreTable::append(const StoreRequest& request) {
  const auto at = values_.find(request.keys[0]);
  if (at == values_.end()) return set(request);
  const size_t added = request.values[0].size();
  if (at->second.size() + added > limits_.value_bytes) {
    return failure(resource_exhausted(concat("the value of key '", request.keys[0], "' must be at most ",
                                             limits_.value_bytes, " bytes; append to several keys")));
  }
  if (const Status status = reserve(added, 0); !status.ok()) return failure(status);
  at->second += request.values[0];
  total_bytes_ += added;
  return {};
}

StoreResponse StoreTable::push(const StoreRequest& request) {
  const size_t bytes = request.keys[0].size() + request.values[0].size();
  if (const Status status = reserve(bytes, 0); !status.ok()) return failure(status);
  queues_[request.keys[0]].push_back(request.values[0]);
  total_bytes_ += bytes;
  wake(request.keys[0]);
  return {};
}

StoreResponse StoreTable::check(const StoreRequest& request) const {
  return answer(int64_t{first_missing(request) == nullptr ? 1 : 0});
}

StoreResponse StoreTable::queue_length(const StoreRequest& request) const {
  const auto queue = queues_.find(request.keys[0]);
  return answer(queue == queues_.end() ? int64_t{0} : static_cast<int64_t>(queue->second.size()));
}

std::optional<StoreResponse> StoreTable::try_complete(const StoreRequest& request) {
  if (first_missing(request) != nullptr) return std::nullopt;
  StoreResponse response;
  if (request.op == StoreOp::kQueuePop) {
    const auto queue = queues_.find(request.keys[0]);
    response.values.push_back(std::move(queue->second.front()));
    queue->second.pop_front();
    total_bytes_ -= request.keys[0].size() + response.values[0].size();
    if (queue->second.empty()) queues_.erase(queue);
  } else if (request.op != StoreOp::kWait) {
    for (const std::string& key : request.keys) response.values.push_back(values_.at(key));
  }
  return response;
}

std::optional<StoreResponse> StoreTable::complete_or_park(const StoreRequest& request, TimePoint now, WaiterId waiter) {
  if (std::optional<StoreResponse> response = try_complete(request)) return response;
  if (request.op == StoreOp::kQueuePop && request.number == 0) {
    return failure(not_found(concat("the queue '", request.keys[0], "' is empty")));
  }
  if (request.timeout_ms <= 0) {
    return failure(deadline_exceeded(concat("may not wait for ", missing_keys(request))));
  }
  park(waiter, {request, now + timeout_of(request), *first_missing(request)});
  return std::nullopt;
}

// ---- checks -----------------------------------------------------------------------------------------------------------

Status StoreTable::check_shape(const StoreRequest& request) const {
  const Shape shape = shape_of(request);
  if (shape.most_keys < shape.least_keys) return invalid_argument("unknown operation");
  if (request.keys.size() < shape.least_keys || request.keys.size() > shape.most_keys) {
    return invalid_argument(concat("the operation needs ", shape.least_keys, " to ", shape.most_keys, " keys, but has ",
                                   request.keys.size()));
  }
  if (request.values.size() != shape.values) {
    return invalid_argument(concat("the operation needs ", shape.values, " values, but has ", request.values.size()));
  }
  return ok_status();
}

Status StoreTable::check_sizes(const StoreRequest& request) const {
  for (const std::string& key : request.keys) {
    if (key.size() <= limits_.key_bytes) continue;
    return resource_exhausted(concat("a key must be at most ", limits_.key_bytes, " bytes, but '", key.substr(0, 64),
                                     "...' has ", key.size()));
  }
  for (const std::string& value : request.values) {
    if (value.size() <= limits_.value_bytes) continue;
    return resource_exhausted(concat("a value must be at most ", limits_.value_bytes, " bytes, but that of key '",
                                     request.keys[0], "' has ", value.size(), "; the store is for small things"));
  }
  return ok_status();
}

Status StoreTable::reserve(size_t added, size_t freed) const {
  if (total_bytes_ - freed + added <= limits_.total_bytes) return ok_status();
  return resource_exhausted(concat("the store of a generation must hold at most ", limits_.total_bytes,
                                   " bytes, but would hold ", total_bytes_ - freed + added, "; delete keys after use"));
}

StoreResponse StoreTable::store(const std::string& key, std::string value) {
  const auto at = values_.find(key);
  const size_t freed = at == values_.end() ? 0 : key.size() + at->second.size();
  const size_t added = key.size() + value.size();
  if (const Status status = reserve(added, freed); !status.ok()) return failure(status);
  total_bytes_ += added;
  total_bytes_ -= freed;
  values_[key] = std::move(value);
  return {};
}

// ---- waiters ----------------------------------------------------------------------------------------------------------

bool StoreTable::has(StoreOp op, const std::string& key) const {
  if (op == StoreOp::kQueuePop) return queues_.contains(key);
  if (values_.contains(key)) return true;
  return (op == StoreOp::kWait || op == StoreOp::kCheck) && queues_.contains(key);
}

const std::string* StoreTable::first_missing(const StoreRequest& request) const {
  const auto at = std::find_if(request.keys.begin(), request.keys.end(),
                               [&](const std::string& key) { return !has(request.op, key); });
  return at == request.keys.end() ? nullptr : &*at;
}

std::string StoreTable::missing_keys(const StoreRequest& request) const {
  constexpr size_t kMostNamed = 8;
  std::string text = request.op == StoreOp::kQueuePop ? "an entry of queue" : "keys";
  size_t missing = 0;
  for (const std::string& key : request.keys) {
    if (has(request.op, key)) continue;
    if (++missing <= kMostNamed) text += concat(missing == 1 ? " '" : ", '", key, "'");
  }
  if (missing > kMostNamed) text += concat(" and ", missing - kMostNamed, " more");
  return text;
}

void StoreTable::park(WaiterId id, Waiter waiter) {
  parked_[waiter.parked_on].push_back(id);
  deadlines_.emplace(waiter.deadline, id);
  waiters_.emplace(id, std::move(waiter));
}

// A waiter stands in the list of one missing key only; when that comes, it is answered or moves on to the next one.
void StoreTable::wake(const std::string& key) {
  const auto parked = parked_.find(key);
  if (parked == parked_.end()) return;
  const std::list<WaiterId> candidates = parked->second;
  for (const WaiterId& id : candidates) {
    const StoreRequest& request = waiters_.at(id).request;
    if (const std::string* missing = first_missing(request); missing != nullptr) {
      if (*missing == key) continue;
      Waiter waiter = unpark(id);
      waiter.parked_on = *first_missing(waiter.request);
      park(id, std::move(waiter));
      continue;
    }
    StoreResponse response = *try_complete(request);
    unpark(id);
    released_.push_back({id, std::move(response)});
  }
}

StoreTable::Waiter StoreTable::unpark(WaiterId id) {
  auto node = waiters_.extract(id);
  Waiter waiter = std::move(node.mapped());
  const auto parked = parked_.find(waiter.parked_on);
  parked->second.remove(id);
  if (parked->second.empty()) parked_.erase(parked);
  const auto [first, last] = deadlines_.equal_range(waiter.deadline);
  deadlines_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == id; }));
  return waiter;
}

}  // namespace fabric::rendezvous
