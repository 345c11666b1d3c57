#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/agent_messages.h"
#include "core/exit_codes.h"
#include "core/exit_report.h"
#include "core/ids.h"
#include "core/node_report.h"
#include "rendezvous/journal.h"

namespace fabric::rendezvous {

// ---- what happens to the coordinator ----------------------------------------------------------------------------------

/// An agent came, or came back under its name after its connection was lost. One connection per name at a time.
struct AgentJoined {
  AgentId agent;
  NodeReport node;
  template <class V>
  void fields(V& v) {
    v(agent.value, node);
  }
};
/// The connection of an agent ended. Its ranks may run on until its lease ends.
struct AgentLost {
  AgentId agent;
  std::string reason;
  template <class V>
  void fields(V& v) {
    v(agent.value, reason);
  }
};
/// An agent and all of its ranks are known to be gone: whoever started it has seen the end of its processes.
struct AgentGone {
  AgentId agent;
  std::string reason;
  template <class V>
  void fields(V& v) {
    v(agent.value, reason);
  }
};
struct MessageFrom {
  AgentId agent;
  AgentMessage message;
};
/// Time has passed. Due at Coordinator::next_deadline(), harmless at any time; the first one starts the rendezvous.
struct Tick {
  template <class V>
  void fields(V&) {}
};
/// Somebody wants the job to end.
struct StopRequested {
  std::string reason;
  /// What the job ends with unless its ranks ended well or asked to be requeued.
  int exit_code = exit_code::kSignalBase + SIGINT;
  /// Without asking for a step and without the grace period. A second, immediate request cuts those of the first short.
  bool immediate = false;
  template <class V>
  void fields(V& v) {
    v(reason, exit_code, immediate);
  }
};
/// Somebody has a signal for the program: SIGUSR1 or SIGUSR2.
struct SignalRequested {
  int signal = 0;
  template <class V>
  void fields(V& v) {
    v(signal);
  }
};
using Event = std::variant<Tick, AgentJoined, AgentLost, AgentGone, MessageFrom, StopRequested, SignalRequested>;

// ---- what the coordinator wants done ----------------------------------------------------------------------------------

/// Value of one field of a recorded event.
using FieldValue = std::variant<int64_t, std::string>;
/// Fields of a recorded event, in the order in which they are written.
using Fields = std::vector<std::pair<std::string, FieldValue>>;

/// Why a generation failed.
struct FailedGeneration {
  GenerationId generation;
  int64_t time_ns = 0;  ///< of its first cause, coordinator's CLOCK_BOOTTIME
  int global_rank = 0;
  std::string description;  ///< one line for people
};

/// How the job ended. Times of its reports are the coordinator's CLOCK_BOOTTIME.
struct JobOutcome {
  int exit_code = 0;
  std::string reason;                     ///< one line for people
  std::optional<ExitReport> first_cause;  ///< the rank whose end started the last failure; nullopt if none failed
  std::vector<ExitReport> reports;        ///< of the last generation, in the order in which they came
  int restart_count = 0;
  GenerationId generation;  ///< the last one; counter 0 if none was started
  /// All that failed, in their order, the newest if there are many; the last one's first cause is `first_cause`.
  std::vector<FailedGeneration> failures = {};
};

struct SendTo {
  AgentId agent;
  CoordinatorMessage message;
};
/// Close the connection of an agent. No AgentLost must follow.
struct DropAgent {
  AgentId agent;
  std::string reason;
};
/// Open the store of a generation; comes before its StartGeneration.
struct OpenStore {
  GenerationId generation;
};
/// Answer all who wait in the store of a generation with kAborted and refuse every later call.
struct CloseStore {
  GenerationId generation;
};
/// The job is over; nothing but records and ignored events can follow.
struct JobFinished {
  JobOutcome outcome;
};
/// Write a line to events.jsonl.
struct Record {
  std::string event;
  Fields fields;
};
/// Write an entry to the journal, and have it on the disk before any later action is performed. If that fails, perform none.
struct WriteJournal {
  JournalEntry entry;
};
using Action = std::variant<SendTo, DropAgent, OpenStore, CloseStore, JobFinished, Record, WriteJournal>;

}  // namespace fabric::rendezvous
