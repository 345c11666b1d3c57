#include "control/coordinator_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "control/test_agent.h"
#include "rendezvous/coordinator.h"
#include "rendezvous/event_log.h"

namespace fabric::control {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// An agent that beats, and does what its script says when it is told to start ranks.
class ScriptedAgent {
 public:
  using Script = std::function<void(ScriptedAgent&, const GenerationPlan&)>;

  ScriptedAgent(UniqueFd socket, const std::string& name, Script script) : script_(std::move(script)) {
    auto client =
        AgentClient::connect(std::move(socket), {[this](CoordinatorMessage message) { receive(std::move(message)); },
                                                 [this](Status status) { closed.push(std::move(status)); }});
    EXPECT_EQ(client.status(), ok_status());
    client_ = std::move(*client);
    client_->send(Join{{name}, {}});
    client_->send(Heartbeat{1});
    ready_.set_value();
  }

  void exit_rank(const GenerationPlan& plan, int local_rank, int code) {
    ExitReport report;
    report.local_rank = local_rank;
    report.global_rank = plan.first_global_rank + local_rank;
    report.exit_code = code;
    client_->send(RankExited{plan.generation, report});
  }
  void stopped(const GenerationPlan& plan) { client_->send(GenerationStopped{plan.generation}); }
  AgentClient& client() { return *client_; }

  std::function<void(ScriptedAgent&)> on_stop;                     // set by the script
  std::function<void(ScriptedAgent&, const StopAtStep&)> on_step;  // the same
  Inbox<StopGeneration> stops;
  Inbox<Shutdown> shutdowns;
  Inbox<uint64_t> acks;
  Inbox<StoreResponse> store_responses;
  Inbox<Status> closed;

 private:
  void receive(CoordinatorMessage message) {
    ready_future_.wait();
    if (const auto* start = std::get_if<StartGeneration>(&message)) return script_(*this, start->plan);
    if (const auto* stop = std::get_if<StopGeneration>(&message)) {
      if (on_stop) on_stop(*this);
      return stops.push(*stop);
    }
    if (const auto* ask = std::get_if<AskSteps>(&message)) {
      for (const int rank : {0, 1}) client_->send(RankReached{ask->generation, rank, rank + 4});
    }
    if (const auto* step = std::get_if<StopAtStep>(&message); step != nullptr && on_step) return on_step(*this, *step);
    if (const auto* ack = std::get_if<HeartbeatAck>(&message)) return acks.push(ack->sequence);
    if (const auto* shutdown = std::get_if<Shutdown>(&message)) {
      shutdowns.push(*shutdown);
      client_->send(Goodbye{"as told"});
      client_->close();
    }
  }

  Script script_;
  std::promise<void> ready_;
  std::shared_future<void> ready_future_ = ready_.get_future().share();
  std::unique_ptr<AgentClient> client_;
};

class CoordinatorHostTest : public testing::Test {
 protected:
  void make(rendezvous::Settings settings) {
    loop_ = std::move(*process::EventLoop::create(clock_));
    loop_->call_after(20s, [this] { loop_->stop(); });
    auto host = CoordinatorHost::create(
        std::move(settings), *loop_, log_, clock_,
        {[this](const std::string& event, const rendezvous::Fields&) { events_.push_back(event); },
         [this](const LogLines& lines) { log_lines_.push_back(lines); },
         [this](rendezvous::JobOutcome outcome) {
           outcome_ = std::move(outcome);
           loop_->stop();
         },
         [this](const RankProgress& progress) { steps_.push_back(progress.step); },
         [this](const std::string& line) {
           journal_.push_back(line);
           return journal_.size() <= most_journal_lines_ ? ok_status() : errno_status(ENOSPC, "write the journal");
         },
         [this](const std::string& line) { event_log_ += line + "\n"; }});
    ASSERT_EQ(host.status(), ok_status());
    host_ = std::move(*host);
  }
  std::unique_ptr<ScriptedAgent> agent(const std::string& name, ScriptedAgent::Script script) {
    auto [ours, theirs] = socket_pair();
    EXPECT_EQ(host_->adopt_agent(std::move(ours)), ok_status());
    return std::make_unique<ScriptedAgent>(std::move(theirs), name, std::move(script));
  }

  SystemClock clock_;
  NullLog log_;
  std::unique_ptr<process::EventLoop> loop_;
  std::unique_ptr<CoordinatorHost> host_;
  std::vector<std::string> events_;
  std::vector<LogLines> log_lines_;
  std::vector<int64_t> steps_;
  std::vector<std::string> journal_;
  size_t most_journal_lines_ = 1'000;
  std::string event_log_;
  std::optional<rendezvous::JobOutcome> outcome_;
};

rendezvous::Settings two_ranks() {
  rendezvous::Settings settings;
  settings.ranks_per_node = 2;
  settings.lease = 10s;
  return settings;
}

void both_succeed(ScriptedAgent& agent, const GenerationPlan& plan) {
  agent.client().send(LogLines{plan.generation, 0, false, {"hello"}, 0});
  agent.client().send(RankProgress{plan.generation, 1, RankPhase::kStep, 12, 7, 0});
  for (int rank = 0; rank < plan.local_world_size; ++rank) agent.exit_rank(plan, rank, 0);
  agent.stopped(plan);
}

TEST_F(CoordinatorHostTest, RunsATwoRankGenerationToItsEnd) {
  make(two_ranks());
  const auto a = agent("a", both_succeed);

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, 0);
  EXPECT_EQ(outcome_->reports.size(), 2u);
  EXPECT_EQ(a->shutdowns.next()->exit_code, 0);
  EXPECT_EQ(a->closed.next(), ok_status());
  EXPECT_TRUE(a->acks.next());
  ASSERT_EQ(log_lines_.size(), 1u);
  EXPECT_EQ(log_lines_[0].lines[0], "hello");
  EXPECT_EQ(steps_, std::vector<int64_t>{7});
  EXPECT_THAT(events_, Contains("generation_started"));
  EXPECT_THAT(events_, Contains("job_finished"));
}

TEST_F(CoordinatorHostTest, WritesDownWhatMustNotBeForgottenAndWhatHappened) {
  make(two_ranks());
  const auto a = agent("a", both_succeed);

  loop_->run();

  EXPECT_THAT(journal_, ElementsAre("term 1", "generation 1 1 1 =a 0", HasSubstr("ended 0")));
  std::optional<rendezvous::JobOutcome> repeated;
  const rendezvous::EventLog log = rendezvous::read_event_log(event_log_).value();
  rendezvous::Coordinator again(log.begin.settings, log.begin.journal);
  for (const rendezvous::LoggedEvent& logged : log.events) {
    for (const rendezvous::Action& action : again.handle(logged.event, logged.at)) {
      if (const auto* finished = std::get_if<rendezvous::JobFinished>(&action)) repeated = finished->outcome;
    }
  }
  ASSERT_TRUE(repeated);
  EXPECT_EQ(repeated->reason, outcome_->reason);
  EXPECT_EQ(repeated->reports.size(), 2u);
}

TEST_F(CoordinatorHostTest, EndsTheJobWhereItsJournalCannotBeWritten) {
  most_journal_lines_ = 1;
  make(two_ranks());
  const auto a = agent("a", [](ScriptedAgent&, const GenerationPlan&) { ADD_FAILURE() << "nobody may hear of it"; });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, exit_code::kFailure);
  EXPECT_THAT(outcome_->reason, HasSubstr("No space left on device"));
  EXPECT_EQ(a->shutdowns.next()->exit_code, exit_code::kFailure);
}

TEST_F(CoordinatorHostTest, TheOutcomeStandsWhereOnlyTheEndCannotBeWritten) {
  most_journal_lines_ = 2;
  make(two_ranks());
  const auto a = agent("a", both_succeed);

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, 0);
  EXPECT_EQ(outcome_->reports.size(), 2u);
  EXPECT_THAT(outcome_->reason, HasSubstr("all ranks ended with 0; the journal of the job cannot be written"));
  EXPECT_EQ(a->shutdowns.next()->exit_code, 0);
}

TEST_F(CoordinatorHostTest, TheStoreOfTheGenerationIsOpenAndTimesOut) {
  make(two_ranks());
  const auto a = agent("a", [](ScriptedAgent& self, const GenerationPlan& plan) {
    self.client().call_store(plan.generation, {StoreOp::kGet, {"k"}, {}, 0, 50}, [&self, plan](StoreResponse response) {
      self.store_responses.push(std::move(response));
      both_succeed(self, plan);
    });
  });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(a->store_responses.next()->code, StatusCode::kDeadlineExceeded);
}

TEST_F(CoordinatorHostTest, AFailingRankEndsTheJobWithItsCode) {
  make(two_ranks());
  const auto a = agent("a", [](ScriptedAgent& self, const GenerationPlan& plan) {
    self.exit_rank(plan, 1, 42);
    self.exit_rank(plan, 0, 0);
    self.stopped(plan);
  });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, 42);
  EXPECT_EQ(outcome_->first_cause->global_rank, 1);
}

TEST_F(CoordinatorHostTest, TheSecondAgentOfANameIsRefusedAndTheFirstLives) {
  rendezvous::Settings settings = two_ranks();
  settings.min_nodes = settings.max_nodes = 2;
  make(settings);
  const auto first = agent("a", both_succeed);
  ASSERT_TRUE(first);
  std::unique_ptr<ScriptedAgent> second;
  std::unique_ptr<ScriptedAgent> other;
  loop_->call_after(50ms, [&] { second = agent("a", both_succeed); });
  loop_->call_after(100ms, [&] { other = agent("b", both_succeed); });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, 0);
  EXPECT_EQ(second->closed.next()->code(), StatusCode::kAlreadyExists);
}

TEST_F(CoordinatorHostTest, AStopRequestFindsTheStepThatTheRanksStopAt) {
  make(two_ranks());
  const auto a = agent("a", [this](ScriptedAgent& self, const GenerationPlan& plan) {
    self.on_step = [plan](ScriptedAgent& stopping, const StopAtStep& order) {
      const int code = order.step == 5 ? exit_code::kRequeue : exit_code::kFailure;
      for (const int rank : {0, 1}) stopping.exit_rank(plan, rank, code);
      stopping.stopped(plan);
    };
    loop_->post([this] { host_->request_stop("interrupted", 130, false); });
  });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, exit_code::kRequeue);
  EXPECT_EQ(a->stops.size(), 0u);
}

TEST_F(CoordinatorHostTest, AStopRequestReachesTheAgents) {
  rendezvous::Settings settings = two_ranks();
  settings.stop_timeout = 0s;
  make(settings);
  const auto a = agent("a", [this](ScriptedAgent& self, const GenerationPlan& plan) {
    self.on_stop = [plan](ScriptedAgent& stopping) {
      stopping.exit_rank(plan, 0, exit_code::kRequeue);
      stopping.exit_rank(plan, 1, exit_code::kRequeue);
      stopping.stopped(plan);
    };
    loop_->post([this] { host_->request_stop("interrupted", 130, false); });
  });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, exit_code::kRequeue);
  EXPECT_EQ(a->stops.next()->grace_ms, 30'000);
}

TEST_F(CoordinatorHostTest, AnAgentThatVanishesIsWaitedForAndThenMissed) {
  rendezvous::Settings settings = two_ranks();
  settings.heartbeat_interval = 20ms;
  settings.lease = 100ms;
  settings.margin = 50ms;
  settings.rendezvous_timeout = 200ms;
  make(settings);
  auto a = agent("a", [](ScriptedAgent&, const GenerationPlan&) {});
  loop_->call_after(50ms, [&] { a.reset(); });

  loop_->run();

  ASSERT_TRUE(outcome_);
  EXPECT_EQ(outcome_->exit_code, exit_code::kRendezvousTimeout);
  EXPECT_THAT(outcome_->reason, HasSubstr("left: a"));
}

TEST_F(CoordinatorHostTest, MayBeDestroyedInTheMiddle) {
  make(two_ranks());
  const auto a = agent("a", [this](ScriptedAgent&, const GenerationPlan&) { loop_->stop(); });
  loop_->run();

  host_.reset();

  EXPECT_EQ(a->closed.next()->code(), StatusCode::kUnavailable);
  EXPECT_FALSE(outcome_);
}

}  // namespace
}  // namespace fabric::control
