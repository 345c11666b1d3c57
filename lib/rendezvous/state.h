#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/exit_report.h"
#include "core/ids.h"
#include "core/node_report.h"
#include "rendezvous/clock_offset.h"
#include "rendezvous/events.h"
#include "rendezvous/lease_queue.h"
#include "rendezvous/phase.h"
#include "rendezvous/restart_budget.h"
#include "rendezvous/step_stop.h"

namespace fabric::rendezvous {

/// An agent that the coordinator knows.
struct Agent {
  NodeReport node;
  uint64_t join_order = 0;
  bool connected = true;
  TimePoint last_acknowledged;   ///< when its last heartbeat (or its join) was answered; its lease ends after that
  std::optional<int> node_rank;  ///< in the last generation, if it was a member
  bool benched = false;          ///< it gets ranks only where there are too few without it
  std::string why_lost;          ///< empty while connected
  ClockOffset clock;
};

/// One agent's part in a generation.
struct Membership {
  int node_rank = 0;
  bool stopped = false;         ///< its ranks are known to be gone: it said so, or its lease has ended
  bool lost = false;            ///< it left while its ranks could be alive
  bool preempted = false;       ///< it said so before it left, and had not been lost before
  int ended_well = 0;           ///< how many of its ranks have ended with 0 or 75 by themselves
  Nanoseconds clock_offset{0};  ///< of its agent, as far as it is known
};

/// One membership of the job. Kept until the next one starts.
struct Generation {
  GenerationId id;
  std::map<AgentId, Membership> members;
  std::vector<ExitReport>
      reports;  ///< in the order in which they came, their times by their nodes' clocks until it is judged
  bool store_open = false;
  int world_size = 0;
  int num_alive = 0;               ///< members that are not `stopped`
  std::vector<bool> exited = {};   ///< by global rank: its end was reported
  std::vector<bool> stepped = {};  ///< by global rank: it has ended a step
  int num_stepped = 0;
  bool is_resized = false;    ///< its ranks are asked to stop because a larger one shall follow
  bool is_inherited = false;  ///< an earlier coordinator started it, so what happened in it is not known
};

/// An agent that left, for the roll call.
struct Departure {
  AgentId agent;
  std::string hostname;
  TimePoint last_acknowledged;
  std::string reason;
};

/// How a generation is being stopped.
struct Stopping {
  std::string reason;
  Nanoseconds grace{0};
  TimePoint patience_ends;  ///< an agent that has not confirmed by then is dropped
  bool patience_over = false;
};

/// All that the coordinator knows.
struct State {
  Phase phase = Phase::kGathering;
  std::map<AgentId, Agent> agents;    ///< connected, or lost while its ranks may be alive
  std::vector<Departure> departures;  ///< the newest, at most kMaxDepartures
  uint64_t joins = 0;
  int num_connected = 0;
  int num_benched = 0;  ///< of those that are connected
  LeaseQueue leases;
  uint32_t counter = 0;                  ///< GenerationId::counter of the last one that this coordinator started
  std::map<std::string, int> strikes;    ///< by hostname: generations that failed on a rank of that node first
  std::optional<Generation> generation;  ///< the running one, or the last
  RestartHistory restarts;
  std::optional<TimePoint> gathering_since;
  std::optional<TimePoint> enough_since;  ///< since when at least min_nodes agents have been there
  std::optional<TimePoint> larger_since;  ///< since when a generation that runs could be larger
  std::optional<StepStop> step_stop;      ///< since the ranks were asked for a step
  std::optional<Stopping> stopping;
  std::optional<StopRequested> stop_requested;
  std::vector<FailedGeneration> failures;  ///< the newest, at most kMaxFailures
  /// How often each phase has followed each other one: moves[from][to].
  std::array<std::array<uint64_t, kNumPhases>, kNumPhases> moves{};
  uint64_t stale_messages = 0;  ///< messages of older generations or unknown agents, ignored

  static constexpr size_t kMaxDepartures = 256;
  static constexpr size_t kMaxFailures = 1000;
};

}  // namespace fabric::rendezvous
