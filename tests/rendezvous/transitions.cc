#include "rendezvous/transitions.h"

#include <algorithm>
#include <string>

namespace fabric::rendezvous {

namespace {

constexpr std::array<std::string_view, kNumTransitions> kNames = {
    "gathering -> running, max_nodes are there",
    "gathering -> running, expected_nodes are there",
    "gathering -> running, min_nodes and the last call is over",
    "gathering -> running, min_nodes and the timeout is over",
    "gathering -> finished, too few came",
    "gathering -> finished, a stop",
    "running -> stopping, a rank failed",
    "running -> stopping, a node left",
    "running -> halting, for a larger generation",
    "running -> halting, a stop",
    "running -> stopping, a stop with stop_timeout 0",
    "halting: a step is agreed on",
    "halting -> stopping, a rank has ended no step",
    "halting -> stopping, stop_timeout is over",
    "halting -> stopping, a rank failed or a node left",
    "-> stopping, a stop without grace",
    "stopping: patience is over",
    "(return) -> stopping",
    "(return) -> finished",
    "-> gathering, by the verdict",
    "-> finished, by the verdict",
};

std::string text_field(const Record& record, std::string_view name) {
  for (const auto& [key, value] : record.fields) {
    if (key == name && std::holds_alternative<std::string>(value)) return std::get<std::string>(value);
  }
  return {};
}

int64_t number_field(const Record& record, std::string_view name) {
  for (const auto& [key, value] : record.fields) {
    if (key == name && std::holds_alternative<int64_t>(value)) return std::get<int64_t>(value);
  }
  return 0;
}

Transition start_of(const Decision& decision, int64_t nodes) {
  const Settings& settings = decision.settings;
  if (nodes >= settings.max_nodes) return Transition::kStartsFull;
  const bool awaits = decision.is_first && settings.expected_nodes > 0;
  if (awaits && nodes >= settings.expected_nodes) return Transition::kStartsExpected;
  return awaits || decision.is_timeout_over ? Transition::kStartsLate : Transition::kStartsEnough;
}

Transition stop_of(const Decision& decision, const std::string& reason) {
  const auto says = [&](std::string_view words) { return reason.find(words) != std::string::npos; };
  const auto* stop = std::get_if<StopRequested>(&decision.event);
  const bool is_left = says(" is lost: ") || says("the ranks of agent ");
  if (says("has ended no step yet")) return Transition::kHasNoStep;
  if (says("; not all ranks ")) return Transition::kHaltsTooLong;
  if (stop != nullptr && stop->immediate && !is_left) return Transition::kStopsAtOnce;
  if (stop != nullptr && !is_left) return Transition::kStopsWithGrace;
  if (decision.before == Phase::kHalting) return Transition::kFailsWhileHalting;
  return is_left ? Transition::kNodeLeaves : Transition::kRankFails;
}

}  // namespace

std::string_view name_of(Transition transition) { return kNames[static_cast<size_t>(transition)]; }

void count_transitions(const Decision& decision, std::array<uint64_t, kNumTransitions>& counts) {
  const auto count = [&](Transition transition) { ++counts[static_cast<size_t>(transition)]; };
  bool is_concluded = false, is_late = false, goes_on = true, agreed = false, grows = false, stops = false;
  for (const Action& action : decision.actions) {
    if (std::holds_alternative<JobFinished>(action)) goes_on = false;
    const auto* dropped = std::get_if<DropAgent>(&action);
    if (dropped != nullptr && dropped->reason.starts_with("did not confirm")) count(Transition::kLosesPatience);
    const auto* record = std::get_if<Record>(&action);
    if (record == nullptr) continue;
    const std::string& name = record->event;
    if (name == "generation_started") count(start_of(decision, number_field(*record, "num_nodes")));
    if (name == "generation_stopping") count(stop_of(decision, text_field(*record, "reason")));
    if (name == "coordinator_returned") count(Transition::kReturnsToRanks);
    is_concluded |= name == "generation_stopped";
    is_late |= name == "rendezvous_timeout";
    agreed |= name == "stop_agreed";
    grows |= name == "scale_up";
    stops |= name == "generation_stopping";
  }
  if (agreed) count(Transition::kAgrees);
  if (grows) count(Transition::kGrows);
  const bool halts = decision.before == Phase::kRunning && decision.settings.stop_timeout > Nanoseconds(0) && !stops;
  if (std::holds_alternative<StopRequested>(decision.event) && halts) count(Transition::kHalts);
  if (is_concluded) count(goes_on ? Transition::kGoesOn : Transition::kEnds);
  if (goes_on || is_concluded) return;
  if (decision.was_finished) return count(Transition::kReturnsToTheEnd);
  count(is_late ? Transition::kTooFewCame : Transition::kStopsGathering);
}

}  // namespace fabric::rendezvous
