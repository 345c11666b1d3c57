#include "runtime/worker/agent_store.h"

#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "conformance/store_conformance.h"
#include "fabric/error.h"
#include "support/test_agent.h"

namespace fabric::testing {

INSTANTIATE_TEST_SUITE_P(Agent, StoreConformanceTest,
                         ::testing::Values(StoreCase{"agent",
                                                     [] {
                                                       auto agent = std::make_shared<TestAgent>();
                                                       return StorePair{c10::make_intrusive<AgentStore>(agent->link()),
                                                                        c10::make_intrusive<AgentStore>(agent->link()),
                                                                        agent};
                                                     }}),
                         store_case_name);

INSTANTIATE_TEST_SUITE_P(LibTorch, StoreConformanceTest,
                         ::testing::Values(StoreCase{"hash",
                                                     [] {
                                                       auto store = c10::make_intrusive<c10d::HashStore>();
                                                       return StorePair{store, store};
                                                     }}),
                         store_case_name);

}  // namespace fabric::testing

namespace fabric {
namespace {

using namespace std::chrono_literals;
using fabric::testing::TestAgent;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(AgentStoreTest, AWaitInVainIsAPeerErrorThatNamesTheMissingKey) {
  TestAgent agent;
  AgentStore store(agent.link());
  store.set("here", std::vector<uint8_t>{1});

  EXPECT_THAT([&] { store.wait({"here", "missing"}, 10ms); }, ThrowsMessage<PeerError>(HasSubstr("missing")));
}

TEST(AgentStoreTest, ClonesKeepTheirTimeoutAndTheLinkAlive) {
  TestAgent agent;
  auto store = c10::make_intrusive<AgentStore>(agent.link(), 10ms);
  const auto clone = store->clone();

  store.reset();

  EXPECT_EQ(clone->getTimeout(), 10ms);
  EXPECT_THROW(clone->get("key"), PeerError);
  clone->set("key", "value");
  EXPECT_EQ(clone->get_to_str("key"), "value");
}

TEST(AgentStoreTest, RefusesKeysWithoutValues) {
  TestAgent agent;
  AgentStore store(agent.link());

  EXPECT_THROW(store.multiSet({"a", "b"}, {{1}}), UsageError);
}

TEST(AgentStoreTest, ServesThePrefixesOfProcessGroups) {
  TestAgent agent;
  const auto store = c10::make_intrusive<AgentStore>(agent.link());
  c10d::PrefixStore prefixed("group", store);

  prefixed.set("key", "value");

  EXPECT_EQ(store->get_to_str("group/key"), "value");
}

}  // namespace
}  // namespace fabric
