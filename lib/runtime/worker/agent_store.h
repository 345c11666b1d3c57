#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <memory>
#include <string>
#include <vector>

#include "core/store_messages.h"

namespace fabric {

class AgentLink;

/// The store that all ranks of a generation share, as LibTorch's process groups want it: each call goes over the link to the
/// agent. Clones share the link; any thread may call, several at a time. Errors are those of AgentLink::call().
class AgentStore final : public c10d::Store {
 public:
  /// The link is shared with the environment: process groups keep their store beyond it.
  explicit AgentStore(std::shared_ptr<AgentLink> link, std::chrono::milliseconds timeout = kDefaultTimeout);
  ~AgentStore() override;

  c10::intrusive_ptr<c10d::Store> clone() override;

  using c10d::Store::compareSet;
  using c10d::Store::set;
  void set(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> compareSet(const std::string& key, const std::vector<uint8_t>& expected,
                                  const std::vector<uint8_t>& desired) override;
  std::vector<uint8_t> get(const std::string& key) override;
  int64_t add(const std::string& key, int64_t value) override;
  bool deleteKey(const std::string& key) override;
  bool check(const std::vector<std::string>& keys) override;
  int64_t getNumKeys() override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) override;

  bool hasExtendedApi() const override { return true; }
  void append(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<std::vector<uint8_t>> multiGet(const std::vector<std::string>& keys) override;
  void multiSet(const std::vector<std::string>& keys, const std::vector<std::vector<uint8_t>>& values) override;
  void queuePush(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> queuePop(const std::string& key, bool block) override;
  int64_t queueLen(const std::string& key) override;

 private:
  StoreResponse call(StoreOp op, std::vector<std::string> keys, std::vector<std::string> values = {},
                     int64_t number = 0);

  std::shared_ptr<AgentLink> link_;
};

}  // namespace fabric
