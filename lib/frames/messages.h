#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <variant>

#include "core/agent_messages.h"
#include "core/generation_plan.h"
#include "core/process_setup.h"
#include "core/store_messages.h"

namespace fabric::frames {

/// Version of what follows; the first thing a worker says. Both sides refuse another one.
inline constexpr uint32_t kProtocolVersion = 2;

// ---- worker -> supervisor, over the socketpair that the worker inherits ----------------------------------------------

/// First frame of a worker.
struct WorkerHello {
  uint32_t protocol_version = kProtocolVersion;
  int pid = 0;
  template <class V>
  void fields(V& v) {
    v(protocol_version, pid);
  }
};
/// The program is loaded, its Fabric stands (process group included), train() is about to be called.
struct WorkerReady {
  template <class V>
  void fields(V& v) {
    v();
  }
};
/// `step` ended on this rank.
struct WorkerStep {
  int64_t step = 0;
  template <class V>
  void fields(V& v) {
    v(step);
  }
};
/// Answer to StepQuery, see RankReached.
struct WorkerReached {
  int64_t step = -1;
  template <class V>
  void fields(V& v) {
    v(step);
  }
};
/// Why the worker is about to end with a failure; sent before it exits. A second one adds what took longer to find out.
struct WorkerFailure {
  std::string exception_type;
  std::string message;
  std::string backtrace;  ///< one frame a line, demangled, innermost first
  int64_t time_ns = 0;    ///< CLOCK_BOOTTIME of the failure; 0: not known
  template <class V>
  void fields(V& v) {
    v(exception_type, message, backtrace, time_ns);
  }
};
/// train() has returned `code`; the worker ends with it. A worker that ends otherwise has failed, whatever its exit status.
struct WorkerReturned {
  int code = 0;
  template <class V>
  void fields(V& v) {
    v(code);
  }
};
/// A call to the store; answered by StoreReply with the same id. Ids are the caller's, several may be open.
struct StoreCall {
  uint64_t id = 0;
  StoreRequest request;
  template <class V>
  void fields(V& v) {
    v(id, request);
  }
};
using WorkerMessage =
    std::variant<WorkerHello, WorkerReady, WorkerStep, WorkerReached, WorkerFailure, StoreCall, WorkerReturned>;

// ---- supervisor -> worker ---------------------------------------------------------------------------------------------

struct StoreReply {
  uint64_t id = 0;
  StoreResponse response;
  template <class V>
  void fields(V& v) {
    v(id, response);
  }
};
/// Asks where the worker can stop; it answers with WorkerReached at once, whatever it is doing.
struct StepQuery {
  template <class V>
  void fields(V& v) {
    v();
  }
};
/// StepLimit of a worker that is to go on as if it had not been asked.
inline constexpr int64_t kNoStepLimit = std::numeric_limits<int64_t>::max();
/// Lets the worker go on to the end of `step`, and stop there.
struct StepLimit {
  int64_t step = 0;
  template <class V>
  void fields(V& v) {
    v(step);
  }
};
/// First frame to a worker: who it is and what to run. Then StoreReply as calls are answered, and the end of the job's steps.
using SupervisorMessage = std::variant<Assignment, StoreReply, StepQuery, StepLimit>;

// ---- supervisor -> fork server, one message a packet -----------------------------------------------------------------

/// Fork a rank. Comes with four descriptors: its end of the socket to the supervisor, its crash file, its stdout, its stderr.
/// Answered by RankForked.
struct ForkRank {
  uint64_t id = 0;
  std::map<std::string, std::string> environment;  ///< set in the rank, over the fork server's
  ProcessSetup setup;
  template <class V>
  void fields(V& v) {
    v(id, environment, setup);
  }
};

// ---- fork server -> supervisor ----------------------------------------------------------------------------------------

/// First message: all is loaded.
struct ForkServerReady {
  std::string refusal;  ///< why ranks must not be forked from this process; empty if they may
  template <class V>
  void fields(V& v) {
    v(refusal);
  }
};
/// A rank was forked; the supervisor is its parent by now. It leads a process group of its own.
struct RankForked {
  uint64_t id = 0;
  int pid = 0;
  std::string error;  ///< why there is none; empty if there is
  template <class V>
  void fields(V& v) {
    v(id, pid, error);
  }
};
using ForkServerMessage = std::variant<ForkServerReady, RankForked>;

// ---- supervisor -> link -----------------------------------------------------------------------------------------------

/// A rank's call to the store, with an id that the supervisor chose.
struct LinkStoreCall {
  uint64_t id = 0;
  GenerationId generation;
  StoreRequest request;
  template <class V>
  void fields(V& v) {
    v(id, generation.term, generation.counter, request);
  }
};
using FromSupervisor = std::variant<AgentMessage, LinkStoreCall>;

// ---- link -> supervisor -----------------------------------------------------------------------------------------------

/// Ranks may run until this time of CLOCK_BOOTTIME; after it the supervisor kills them.
struct LeaseExtended {
  int64_t until_ns = 0;
  template <class V>
  void fields(V& v) {
    v(until_ns);
  }
};
using ToSupervisor = std::variant<CoordinatorMessage, StoreReply, LeaseExtended>;

}  // namespace fabric::frames
