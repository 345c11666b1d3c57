#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/exit_report.h"
#include "core/generation_plan.h"
#include "core/ids.h"
#include "core/node_report.h"

namespace fabric {

// What an agent and the coordinator say to each other over one stream. The supervisor of an agent speaks the same
// messages with its link over frames; the link carries them and adds Heartbeat.

/// First message of an agent.
struct Join {
  AgentId agent;
  NodeReport node;
  template <class V>
  void fields(V& v) {
    v(agent.value, node);
  }
};

/// Sent every heartbeat interval; answered by HeartbeatAck with the same sequence.
struct Heartbeat {
  uint64_t sequence = 0;
  int64_t time_ns = 0;  ///< CLOCK_BOOTTIME of the node when it was sent
  template <class V>
  void fields(V& v) {
    v(sequence, time_ns);
  }
};

enum class RankPhase : uint8_t { kStarted, kReady, kStep };

/// A rank came into being, is ready (process group and program loaded, about to call train), or has ended `step`.
struct RankProgress {
  GenerationId generation;
  int global_rank = 0;
  RankPhase phase = RankPhase::kStarted;
  int pid = 0;
  int64_t step = -1;
  int64_t time_ns = 0;  ///< CLOCK_BOOTTIME of the node
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, global_rank, phase, pid, step, time_ns);
  }
};

/// Answer of a rank to AskSteps.
struct RankReached {
  GenerationId generation;
  int global_rank = 0;
  /// The step at whose end it can stop first; it goes no further until StopAtStep. -1: it has ended no step yet, so that it
  /// may never do.
  int64_t step = -1;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, global_rank, step);
  }
};

/// A rank ended and has been reaped.
struct RankExited {
  GenerationId generation;
  ExitReport report;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, report);
  }
};

/// All ranks of the generation on this node are gone and their files are closed. Sent whatever ended them, unless the agent ends
/// with them, which Goodbye says; again for each StopGeneration of one that does not run here.
struct GenerationStopped {
  GenerationId generation;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter);
  }
};

/// Answer to SignalRanks: how many ranks of this node the signal was sent to.
struct RanksSignaled {
  GenerationId generation;
  int signal = 0;
  int num_ranks = 0;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, signal, num_ranks);
  }
};

/// Whole lines of one rank's output, best effort: dropped when the reader is slow, with `dropped` counting them.
struct LogLines {
  GenerationId generation;
  int global_rank = 0;
  bool is_stderr = false;
  std::vector<std::string> lines;
  uint64_t dropped = 0;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, global_rank, is_stderr, lines, dropped);
  }
};

/// The agent is about to end; its ranks are gone.
struct Goodbye {
  std::string reason;
  template <class V>
  void fields(V& v) {
    v(reason);
  }
};

using AgentMessage = std::variant<Join, Heartbeat, RankProgress, RankReached, RankExited, GenerationStopped,
                                  RanksSignaled, LogLines, Goodbye>;

/// Answer to Join.
struct Welcome {
  int64_t heartbeat_interval_ms = 200;
  /// How long after the send time of its last acknowledged heartbeat the agent may run ranks; 0: no lease (never sent).
  int64_t lease_ms = 1'200;
  template <class V>
  void fields(V& v) {
    v(heartbeat_interval_ms, lease_ms);
  }
};

struct HeartbeatAck {
  uint64_t sequence = 0;
  template <class V>
  void fields(V& v) {
    v(sequence);
  }
};

/// Start the ranks of `plan`. Only sent when no rank of an older generation can be alive.
struct StartGeneration {
  GenerationPlan plan;
  template <class V>
  void fields(V& v) {
    v(plan);
  }
};

/// Ask each rank where it can stop. Each that is there answers with RankReached, at once, whatever it is doing.
struct AskSteps {
  GenerationId generation;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter);
  }
};

/// Let the ranks go on to the end of `step`, where each saves its state and ends with exit code 75. Follows AskSteps.
struct StopAtStep {
  GenerationId generation;
  int64_t step = 0;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, step);
  }
};

/// Send `signal` to those ranks that have a handler for it. Answered by RanksSignaled.
struct SignalRanks {
  GenerationId generation;
  int signal = 0;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, signal);
  }
};

/// End all ranks of the generation: SIGTERM, then SIGKILL after `grace_ms`; SIGKILL at once if it is 0.
struct StopGeneration {
  GenerationId generation;
  int64_t grace_ms = 0;
  std::string reason;
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, grace_ms, reason);
  }
};

/// The job is over: end what is left, say Goodbye, exit with `exit_code`.
struct Shutdown {
  int exit_code = 0;
  std::string reason;
  template <class V>
  void fields(V& v) {
    v(exit_code, reason);
  }
};

using CoordinatorMessage =
    std::variant<Welcome, HeartbeatAck, StartGeneration, AskSteps, StopAtStep, SignalRanks, StopGeneration, Shutdown>;

}  // namespace fabric
