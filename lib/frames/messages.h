#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/agent_messages.h"
#include "core/generation_plan.h"
#include "core/store_messages.h"

namespace fabric::frames {

/// Version of what follows; the first thing a worker says. Both sides refuse another one.
inline constexpr uint32_t kProtocolVersion = 1;

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
/// Why the worker is about to end with a failure; sent at most once, before it exits.
struct WorkerFailure {
  std::string exception_type;
  std::string message;
  std::string backtrace;  ///< one frame a line, demangled, innermost first
  template <class V>
  void fields(V& v) {
    v(exception_type, message, backtrace);
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
using WorkerMessage = std::variant<WorkerHello, WorkerReady, WorkerStep, WorkerFailure, StoreCall>;

// ---- supervisor -> worker ---------------------------------------------------------------------------------------------

struct StoreReply {
  uint64_t id = 0;
  StoreResponse response;
  template <class V>
  void fields(V& v) {
    v(id, response);
  }
};
/// First frame to a worker: who it is and what to run. Then StoreReply as calls are answered.
using SupervisorMessage = std::variant<Assignment, StoreReply>;

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
