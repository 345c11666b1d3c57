#include "runtime/worker/agent_store.h"

#include <utility>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/worker/agent_link.h"

namespace fabric {
namespace {

using Bytes = std::vector<uint8_t>;

/// LibTorch writes "no timeout" as zero; here every wait ends, be it after a month.
constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 30);

std::string text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }
Bytes bytes(const std::string& value) { return {value.begin(), value.end()}; }

std::vector<std::string> texts(const std::vector<Bytes>& values) {
  std::vector<std::string> result;
  result.reserve(values.size());
  for (const Bytes& value : values) result.push_back(text(value));
  return result;
}

const std::string& only_value(const StoreResponse& response) {
  if (response.values.size() != 1) {
    throw InternalError(concat("the store must answer with one value, but did with ", response.values.size()));
  }
  return response.values.front();
}

int64_t timeout_ms(std::chrono::milliseconds timeout) {
  return (timeout == c10d::Store::kNoTimeout ? kLongest : timeout).count();
}

}  // namespace

AgentStore::AgentStore(std::shared_ptr<AgentLink> link, std::chrono::milliseconds timeout)
    : c10d::Store(timeout), link_(std::move(link)) {}

AgentStore::~AgentStore() = default;

c10::intrusive_ptr<c10d::Store> AgentStore::clone() { return c10::make_intrusive<AgentStore>(link_, timeout_); }

StoreResponse AgentStore::call(StoreOp op, std::vector<std::string> keys, std::vector<std::string> values,
                               int64_t number) {
  return link_->call({op, std::move(keys), std::move(values), number, timeout_ms(timeout_)});
}

void AgentStore::set(const std::string& key, const Bytes& value) { call(StoreOp::kSet, {key}, {text(value)}); }

Bytes AgentStore::compareSet(const std::string& key, const Bytes& expected, const Bytes& desired) {
  return bytes(only_value(call(StoreOp::kCompareSet, {key}, {text(expected), text(desired)})));
}

Bytes AgentStore::get(const std::string& key) { return bytes(only_value(call(StoreOp::kGet, {key}))); }
int64_t AgentStore::add(const std::string& key, int64_t value) { return call(StoreOp::kAdd, {key}, {}, value).number; }
bool AgentStore::deleteKey(const std::string& key) { return call(StoreOp::kDelete, {key}).number != 0; }
bool AgentStore::check(const std::vector<std::string>& keys) { return call(StoreOp::kCheck, keys).number != 0; }
int64_t AgentStore::getNumKeys() { return call(StoreOp::kNumKeys, {}).number; }
void AgentStore::wait(const std::vector<std::string>& keys) { wait(keys, timeout_); }

void AgentStore::wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) {
  link_->call({StoreOp::kWait, keys, {}, 0, timeout_ms(timeout)});
}

void AgentStore::append(const std::string& key, const Bytes& value) { call(StoreOp::kAppend, {key}, {text(value)}); }

std::vector<Bytes> AgentStore::multiGet(const std::vector<std::string>& keys) {
  const StoreResponse response = call(StoreOp::kMultiGet, keys);
  if (response.values.size() != keys.size()) {
    throw InternalError(
        concat("the store must answer with ", keys.size(), " values, but did with ", response.values.size()));
  }
  std::vector<Bytes> values;
  values.reserve(keys.size());
  for (const std::string& value : response.values) values.push_back(bytes(value));
  return values;
}

void AgentStore::multiSet(const std::vector<std::string>& keys, const std::vector<Bytes>& values) {
  if (keys.size() != values.size()) {
    throw UsageError(
        concat("multiSet needs one value for each key, but got ", keys.size(), " keys and ", values.size(), " values"));
  }
  call(StoreOp::kMultiSet, keys, texts(values));
}

void AgentStore::queuePush(const std::string& key, const Bytes& value) {
  call(StoreOp::kQueuePush, {key}, {text(value)});
}

Bytes AgentStore::queuePop(const std::string& key, bool block) {
  return bytes(only_value(call(StoreOp::kQueuePop, {key}, {}, block ? 1 : 0)));
}

int64_t AgentStore::queueLen(const std::string& key) { return call(StoreOp::kQueueLength, {key}).number; }

}  // namespace fabric
