#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rendezvous/coordinator.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

ExitReport exited(int global_rank, int code);
ExitReport killed(int global_rank);

/// Drives a coordinator by hand and keeps what it wants done since the last clear().
class CoordinatorFixture : public testing::Test {
 protected:
  void make(Settings settings);
  void at(const Event& event);
  void wait(Nanoseconds duration);
  void tick_after(Nanoseconds duration);
  void join(const std::string& agent);
  void lose(const std::string& agent);
  void say(const std::string& agent, AgentMessage message) { at(MessageFrom{{agent}, std::move(message)}); }
  void exit_of(const std::string& agent, ExitReport report) { say(agent, RankExited{generation(), std::move(report)}); }
  void stopped(const std::string& agent) { say(agent, GenerationStopped{generation()}); }
  /// All connected agents beat once.
  void beat();
  void clear() { actions_.clear(); }

  GenerationId generation() const { return coordinator_->state().generation->id; }
  Phase phase() const { return coordinator_->state().phase; }
  /// Returns the messages of one kind that `agent` was sent, oldest first.
  template <class Message>
  std::vector<Message> sent(const std::string& agent) const {
    std::vector<Message> messages;
    for (const SendTo& action : all<SendTo>()) {
      const auto* message = std::get_if<Message>(&action.message);
      if (message != nullptr && action.agent.value == agent) messages.push_back(*message);
    }
    return messages;
  }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Action& action : actions_) {
      if (const T* one = std::get_if<T>(&action)) found.push_back(*one);
    }
    return found;
  }
  std::optional<JobOutcome> outcome() const;

  std::optional<Coordinator> coordinator_;
  std::vector<Action> actions_;
  TimePoint now_{1h};
};

}  // namespace fabric::rendezvous
