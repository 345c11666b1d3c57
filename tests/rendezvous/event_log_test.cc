#include "rendezvous/event_log.h"

#include "rendezvous/action_text.h"
#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

ExitReport long_report() {
  ExitReport report = exited(3, 7);
  report.hostname = "node 0";
  report.message = "first line\nsecond = 100 %\tand \xc3\xa4";
  report.last_log_lines = {"", "a b", "=c"};
  return report;
}

std::vector<Event> one_of_each() {
  NodeReport node;
  node.hostname = "host";
  node.affinity = {0, 2, 5};
  node.accelerators = {{"cuda", 0, "NVIDIA H100 80GB HBM3", 85'000'000'000, -1}};
  const AgentId a{"a"};
  return {Tick{},
          AgentJoined{a, node},
          AgentLost{a, "connection reset by peer"},
          AgentGone{a, ""},
          MessageFrom{a, Join{a, node}},
          MessageFrom{a, Heartbeat{17, 123'456'789'012}},
          MessageFrom{a, RankProgress{{1, 2}, 3, RankPhase::kStep, 4, 5, 6}},
          MessageFrom{a, RankReached{{1, 2}, 3, -1}},
          MessageFrom{a, RankExited{{1, 2}, long_report()}},
          MessageFrom{a, GenerationStopped{{1, 2}}},
          MessageFrom{a, RanksSignaled{{1, 2}, SIGUSR1, 4}},
          MessageFrom{a, LogLines{{1, 2}, 3, true, {"a line"}, 9}},
          MessageFrom{a, Goodbye{"drained"}},
          StopRequested{"asked to", 143, true},
          SignalRequested{SIGUSR2}};
}

TEST(EventLogTest, ReadsEachEventThatItWrote) {
  for (const Event& event : one_of_each()) {
    const std::string line = to_line(event, TimePoint{1h + 1ns});
    EXPECT_EQ(line.find('\n'), std::string::npos);

    const Result<LoggedEvent> read = logged_event_from(line);

    ASSERT_TRUE(read) << line << ": " << read.error().to_string();
    EXPECT_EQ(read->at, TimePoint{1h + 1ns});
    EXPECT_EQ(read->event.index(), event.index());
    EXPECT_EQ(to_line(read->event, read->at), line);
  }
}

TEST(EventLogTest, KeepsEveryByteOfAString) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);

  const Result<LoggedEvent> read = logged_event_from(to_line(AgentLost{{"a"}, bytes}, TimePoint{}));

  EXPECT_EQ(std::get<AgentLost>(read.value().event).reason, bytes);
}

TEST(EventLogTest, RefusesWhatItDidNotWrite) {
  for (const char* line : {"", "1", "1 nonsense", "x tick", "1 tick 2", "1 lost =a", "1 lost a =b", "1 message =a =say",
                           "1 message =a =heartbeat 1", "1 joined =a =h =v 1 4000000000 1"}) {
    EXPECT_FALSE(logged_event_from(line)) << line;
  }
  const Result<std::vector<LoggedEvent>> log = read_event_log("1 tick\n2 tock\n");
  EXPECT_THAT(log.error().message(), testing::HasSubstr("line 2 of the event log"));
}

/// Writes down what the coordinator is given.
class EventLogReplayTest : public CoordinatorFixture {
 protected:
  void at_logged(const Event& event) {
    log_ += to_line(event, now_) + "\n";
    at(event);
  }
  void hear(const std::string& agent, AgentMessage message) { at_logged(MessageFrom{{agent}, std::move(message)}); }

  std::string log_;
};

TEST_F(EventLogReplayTest, ReplayingALogGivesTheSameActions) {
  const Settings settings{.min_nodes = 1, .max_nodes = 2, .ranks_per_node = 2, .max_restarts = 2, .scale_up_wait = 1s};
  coordinator_.emplace(settings);
  at_logged(Tick{});
  at_logged(AgentJoined{{"a"}, {}});
  wait(500ms);
  at_logged(Tick{});
  hear("a", Heartbeat{1, 5});
  hear("a", RankProgress{generation(), 0, RankPhase::kStep, 1, 7, 0});
  hear("a", RankProgress{generation(), 1, RankPhase::kStep, 1, 7, 0});
  at_logged(AgentJoined{{"b"}, {}});
  wait(1s);
  at_logged(Tick{});
  ASSERT_EQ(phase(), Phase::kHalting);
  hear("a", RankExited{generation(), exited(0, 3)});
  hear("a", GenerationStopped{generation()});
  wait(2s);
  at_logged(Tick{});
  at_logged(StopRequested{"over", 130, true});

  Coordinator again(settings);
  std::vector<Action> repeated;
  const std::vector<LoggedEvent> log = read_event_log(log_).value();
  for (const LoggedEvent& logged : log) {
    for (Action& action : again.handle(logged.event, logged.at)) repeated.push_back(std::move(action));
  }

  EXPECT_EQ(texts_of(repeated), texts_of(actions_));
  EXPECT_GT(repeated.size(), 20u);
}

}  // namespace
}  // namespace fabric::rendezvous
