#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {

ExitReport exited(int global_rank, int code) {
  ExitReport report;
  report.global_rank = global_rank;
  report.exit_code = code;
  return report;
}

ExitReport killed(int global_rank) {
  ExitReport report;
  report.global_rank = global_rank;
  report.signal = SIGKILL;
  report.killed_by_us = true;
  return report;
}

void CoordinatorFixture::make(Settings settings) {
  ASSERT_EQ(validate(settings), ok_status());
  coordinator_.emplace(std::move(settings));
  at(Tick{});
}

void CoordinatorFixture::at(const Event& event) {
  for (Action& action : coordinator_->handle(event, now_)) actions_.push_back(std::move(action));
}

void CoordinatorFixture::wait(Nanoseconds duration) { now_ = now_ + duration; }

void CoordinatorFixture::tick_after(Nanoseconds duration) {
  wait(duration);
  at(Tick{});
}

void CoordinatorFixture::join(const std::string& agent) {
  NodeReport node;
  node.hostname = "host-" + agent;
  at(AgentJoined{{agent}, node});
}

void CoordinatorFixture::lose(const std::string& agent) { at(AgentLost{{agent}, "connection reset"}); }

void CoordinatorFixture::beat() {
  std::vector<std::string> names;
  for (const auto& [id, agent] : coordinator_->state().agents) {
    if (agent.connected) names.push_back(id.value);
  }
  for (const std::string& name : names) say(name, Heartbeat{1});
}

std::optional<JobOutcome> CoordinatorFixture::outcome() const {
  const std::vector<JobFinished> finished = all<JobFinished>();
  if (finished.empty()) return std::nullopt;
  EXPECT_EQ(finished.size(), 1u);
  return finished.front().outcome;
}

}  // namespace fabric::rendezvous
