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
}

TEST(EventLogTest, RefusesNumbersThatTheirFieldsDoNotHold) {
  const AgentId a{"a"};
  const std::string rank = to_line(MessageFrom{a, RankReached{{1, 2}, 77, 3}}, TimePoint{});
  const std::string step = to_line(MessageFrom{a, RankProgress{{1, 2}, 0, RankPhase::kStep, 1, 1, 0}}, TimePoint{});
  const auto with = [](std::string line, const std::string& old, const std::string& other) {
    return line.replace(line.find(old), old.size(), other);
  };
  ASSERT_TRUE(logged_event_from(rank));

  EXPECT_FALSE(logged_event_from(with(rank, " 77 ", " 4294967373 "))) << "an int of 64 bits";
  EXPECT_FALSE(logged_event_from(with(rank, " 1 2 77", " -1 2 77"))) << "a term below 0";
  EXPECT_FALSE(logged_event_from(with(step, " 1 2 0 2 ", " 1 2 0 3 "))) << "no such phase";
  EXPECT_FALSE(logged_event_from("1 stop =why 130 2")) << "neither true nor false";
}

TEST(EventLogTest, KeepsTheLargestNumbers) {
  const std::string line = to_line(MessageFrom{{"a"}, Heartbeat{UINT64_MAX, INT64_MIN}}, TimePoint{});

  const Result<LoggedEvent> read = logged_event_from(line);

  ASSERT_TRUE(read);
  EXPECT_EQ(to_line(read->event, read->at), line);
}

TEST(EventLogTest, BeginsWithWhatTheCoordinatorWasMadeFrom) {
  const std::string begin = to_line(LoggedBegin{{.max_nodes = 7, .max_node_losses = 2}, {}});

  const Result<EventLog> log = read_event_log(begin + "\n1 tick\n2 ti");
  ASSERT_TRUE(log) << log.error().to_string();
  EXPECT_EQ(log->begin.settings.max_nodes, 7);
  EXPECT_EQ(log->begin.settings.max_node_losses, 2);
  EXPECT_EQ(log->begin.settings.max_preemptions, std::nullopt);
  EXPECT_EQ(log->events.size(), 1u);

  EXPECT_THAT(read_event_log(begin + "\n2 tock\n").error().message(), testing::HasSubstr("line 2 of the event log"));
  EXPECT_THAT(read_event_log("1 tick\n").error().message(), testing::HasSubstr("line 1 of the event log"));
  EXPECT_FALSE(read_event_log(""));
}

/// Writes down what coordinators are made from and given.
class EventLogReplayTest : public CoordinatorFixture {
 protected:
  void begin(const Settings& settings, const Journal& journal = {}) {
    coordinator_.emplace(settings, journal);
    actions_.clear();
    log_ = to_line(LoggedBegin{settings, journal}) + "\n";
    at_logged(Tick{});
  }
  void at_logged(const Event& event) {
    log_ += to_line(event, now_) + "\n";
    at(event);
    for (const Action& action :
         std::vector<Action>(actions_.begin() + static_cast<std::ptrdiff_t>(seen_), actions_.end())) {
      if (const auto* entry = std::get_if<WriteJournal>(&action)) journal_ += to_line(entry->entry) + "\n";
    }
    seen_ = actions_.size();
  }
  void hear(const std::string& agent, AgentMessage message) { at_logged(MessageFrom{{agent}, std::move(message)}); }
  void tick_later(Nanoseconds duration) {
    wait(duration);
    at_logged(Tick{});
  }
  void expect_the_same_from_the_log() const {
    const Result<EventLog> log = read_event_log(log_);
    ASSERT_TRUE(log) << log.error().to_string();
    Coordinator again(log->begin.settings, log->begin.journal);
    std::vector<Action> repeated;
    for (const LoggedEvent& logged : log->events) {
      for (Action& action : again.handle(logged.event, logged.at)) repeated.push_back(std::move(action));
    }
    EXPECT_EQ(texts_of(repeated), texts_of(actions_));
  }
  void clear() {
    actions_.clear();
    seen_ = 0;
  }

  std::string log_;
  std::string journal_;
  size_t seen_ = 0;
};

TEST_F(EventLogReplayTest, ReplayingALogGivesTheSameActions) {
  begin({.min_nodes = 1, .max_nodes = 2, .ranks_per_node = 2, .max_restarts = 2, .scale_up_wait = 1s});
  at_logged(AgentJoined{{"a"}, {}});
  tick_later(500ms);
  hear("a", Heartbeat{1, 5});
  hear("a", RankProgress{generation(), 0, RankPhase::kStep, 1, 7, 0});
  hear("a", RankProgress{generation(), 1, RankPhase::kStep, 1, 7, 0});
  at_logged(AgentJoined{{"b"}, {}});
  tick_later(1s);
  ASSERT_EQ(phase(), Phase::kHalting);
  hear("a", RankExited{generation(), exited(0, 3)});
  hear("a", GenerationStopped{generation()});
  tick_later(2s);
  at_logged(StopRequested{"over", 130, true});

  EXPECT_GT(actions_.size(), 20u);
  expect_the_same_from_the_log();
}

TEST_F(EventLogReplayTest, TheLogOfACoordinatorThatReturnedIsEnough) {
  NodeReport node;
  node.hostname = "host";
  const Settings settings{.max_restarts = 3, .max_strikes = 3, .max_node_losses = 4};
  begin(settings);
  at_logged(AgentJoined{{"a"}, node});
  hear("a", RankExited{generation(), exited(0, 3)});
  hear("a", GenerationStopped{generation()});
  at_logged(StopRequested{"over", 130, false});

  wait(3s);
  clear();
  begin(settings, read_journal(journal_).value());
  at_logged(AgentJoined{{"a"}, node});
  hear("a", RankExited{generation(), exited(0, 4)});
  hear("a", GenerationStopped{generation()});

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->restart_count, 1);
  EXPECT_EQ(outcome()->exit_code, 130);
  expect_the_same_from_the_log();
}

}  // namespace
}  // namespace fabric::rendezvous
