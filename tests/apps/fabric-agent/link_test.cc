#include "link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "frames/codec.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;

class FakeCoordinator final : public CoordinatorPort {
 public:
  void send(const AgentMessage& message) override { sent.push_back(message); }
  void call_store(GenerationId, StoreRequest request, std::function<void(StoreResponse)> done) override {
    std::thread([request, done] {
      StoreResponse response;
      response.values = request.keys;
      done(response);
    }).join();
  }
  std::vector<AgentMessage> sent;
};

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() : loop_(std::move(*process::EventLoop::create(clock_))) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    link_ = std::move(*Link::create(*loop_, log_, coordinator_, UniqueFd(ends[0])));
    supervisor_ = std::move(*FrameChannel::create(
        *loop_, UniqueFd(ends[1]),
        {.frame =
             [this](std::string_view payload) { heard_.push_back(*frames::decode<frames::ToSupervisor>(payload)); },
         .closed = [](const Status&) {}}));
  }
  void say(const frames::FromSupervisor& message) { supervisor_->send(frames::encode(message)); }
  // Lets the loop do what can be done at the clock's present time.
  void settle() {
    for (int round = 0; round < 10; ++round) {
      loop_->call_after(Nanoseconds(0), [this] { loop_->stop(); });
      loop_->run();
    }
  }
  void advance(Nanoseconds by) {
    clock_.advance(by);
    settle();
  }
  template <class T>
  std::vector<T> heard() const {
    std::vector<T> found;
    for (const auto& message : heard_) {
      if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
    }
    return found;
  }
  std::vector<int64_t> leases_ms() const {
    std::vector<int64_t> leases;
    for (const auto& lease : heard<frames::LeaseExtended>()) {
      leases.push_back((Nanoseconds(lease.until_ns) - start_.since_boot) / 1ms);
    }
    return leases;
  }

  ManualClock clock_;
  const TimePoint start_ = clock_.now();
  NullLog log_;
  FakeCoordinator coordinator_;
  std::unique_ptr<process::EventLoop> loop_;
  std::unique_ptr<Link> link_;
  std::unique_ptr<FrameChannel> supervisor_;
  std::vector<frames::ToSupervisor> heard_;
};

TEST_F(LinkTest, CarriesMessagesBothWays) {
  say(AgentMessage(Join{{"node0"}, {}}));
  link_->on_coordinator_message(StopGeneration{{1, 2}, 7, "test"});
  settle();

  ASSERT_EQ(coordinator_.sent.size(), 1u);
  EXPECT_EQ(std::get<Join>(coordinator_.sent[0]).agent.value, "node0");
  const auto orders = heard<CoordinatorMessage>();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(std::get<StopGeneration>(orders[0]).grace_ms, 7);
}

TEST_F(LinkTest, AnswersStoreCallsFromAnotherThread) {
  say(frames::LinkStoreCall{5, {1, 1}, {.op = StoreOp::kGet, .keys = {"k"}, .values = {}}});
  settle();

  const auto replies = heard<frames::StoreReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].id, 5u);
  EXPECT_EQ(replies[0].response.values, std::vector<std::string>{"k"});
}

TEST_F(LinkTest, ABeatSaysWhenItWasSent) {
  say(AgentMessage(Join{}));
  settle();
  link_->on_coordinator_message(Welcome{200, 1200});
  advance(200ms);

  const auto beat = std::get<Heartbeat>(coordinator_.sent.back());
  EXPECT_EQ(beat.time_ns, (start_ + 200ms).since_boot.count());
}

TEST_F(LinkTest, BeatsEveryIntervalFromWelcomeOn) {
  say(AgentMessage(Join{}));
  settle();
  link_->on_coordinator_message(Welcome{200, 1200});
  advance(200ms);
  advance(199ms);
  advance(1ms);

  std::vector<uint64_t> sequences;
  for (const AgentMessage& message : coordinator_.sent) {
    if (const auto* beat = std::get_if<Heartbeat>(&message)) sequences.push_back(beat->sequence);
  }
  EXPECT_EQ(sequences, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(LinkTest, ExtendsTheLeaseFromWhenTheAcknowledgedBeatWasSent) {
  say(AgentMessage(Join{}));
  settle();
  advance(50ms);
  link_->on_coordinator_message(Welcome{200, 1200});  // beat 1 at 50 ms
  advance(200ms);                                     // beat 2 at 250 ms
  advance(100ms);

  link_->on_coordinator_message(HeartbeatAck{2});
  link_->on_coordinator_message(HeartbeatAck{1});   // late: shortens nothing
  link_->on_coordinator_message(HeartbeatAck{99});  // never sent
  settle();

  EXPECT_EQ(leases_ms(), (std::vector<int64_t>{1200, 1450}));
}

TEST_F(LinkTest, GivesNoLeaseWhereThereIsNone) {
  link_->on_coordinator_message(Welcome{200, 0});
  link_->on_coordinator_message(HeartbeatAck{1});
  settle();

  EXPECT_TRUE(leases_ms().empty());
}

TEST_F(LinkTest, EndsTheSupervisorOnceWhenTheCoordinatorIsGone) {
  link_->on_coordinator_closed(unavailable("test"));
  link_->on_coordinator_message(Shutdown{0, "too late"});
  settle();

  const auto orders = heard<CoordinatorMessage>();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(std::get<Shutdown>(orders[0]).exit_code, 1);
}

TEST_F(LinkTest, StopsItsLoopWhenTheSupervisorDoesNotEnd) {
  link_->shut_down(0, "test");

  clock_.advance(5s);
  loop_->post([] {});
  loop_->run();  // returns
}

}  // namespace
}  // namespace fabric::agent
