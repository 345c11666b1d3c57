#include "runtime/worker/exception_report.h"

#include <c10/util/Exception.h>
#include <cxxabi.h>
#include <dlfcn.h>
#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <exception>
#include <iostream>
#include <new>
#include <sstream>
#include <string_view>
#include <typeinfo>

#include "core/concat.h"
#include "core/demangle.h"
#include "runtime/worker/agent_link.h"
#include "runtime/worker/code_place.h"

namespace fabric {
namespace {

constexpr int kMaxTraceFrames = 48;

std::string message_of(const std::exception& error) {
  std::string message;
  if (const auto* from_torch = dynamic_cast<const c10::Error*>(&error))
    message = from_torch->what_without_backtrace();
  else
    message = error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    const std::string reason = message_of(cause);
    if (!message.ends_with(reason)) message += concat(": ", reason);
  } catch (...) {
    message += ": (nested in it: not a std::exception)";
  }
  return message;
}

/// What std::throw_with_nested() throws is of a class of its own, derived from the one that matters.
std::string without_nesting(std::string type) {
  constexpr std::string_view kStart = "std::_Nested_exception<";
  if (!type.starts_with(kStart) || !type.ends_with('>')) return type;
  return type.substr(kStart.size(), type.size() - kStart.size() - 1);
}

bool is_out_of_memory(const std::exception& error, const std::string& message) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         message.find("can't allocate memory") != std::string::npos;  // LibTorch's allocator of the CPU
}

std::string memory_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  return concat("; this rank may have ", limit.rlim_cur >> 20,
                " MiB of address space (RLIMIT_AS): raise that limit, or use less in each rank");
}

/// Fills in type and message of the exception that is being handled.
void describe_current(frames::WorkerFailure& failure) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  failure.exception_type = type != nullptr ? without_nesting(demangled(type->name())) : "unknown";
  try {
    throw;
  } catch (const std::exception& error) {
    failure.message = message_of(error);
    if (is_out_of_memory(error, failure.message)) failure.message += memory_limit();
  } catch (const std::string& text) {
    failure.message = text;
  } catch (const char* text) {
    failure.message = text;
  } catch (int number) {
    failure.message = std::to_string(number);
  } catch (...) {
    failure.message = "not derived from std::exception, so it cannot say why; throw something that is";
  }
}

/// Returns whether a function only serves to throw, so that its caller is the place that matters.
bool is_throw_machinery(std::string_view function) {
  for (const std::string_view start :
       {"__cxa_throw", "std::__throw_", "void std::throw_with_nested", "c10::detail::torchCheckFail",
        "c10::detail::torchInternalAssertFail", "c10::Error::", "c10::ValueError::"}) {
    if (function.substr(0, start.size()) == start) return true;
  }
  return false;
}

struct Frame {
  std::string function;
  std::string line;
};

Frame frame_at(const void* address) {
  Frame frame;
  with_code_place(
      address, true,
      [](const CodePlace& place, void* opaque) {
        auto* result = static_cast<Frame*>(opaque);
        const std::string_view module(place.module);
        result->function = place.symbol != nullptr ? demangled(place.symbol) : "?";
        std::ostringstream line;
        line << "at " << result->function << "+0x" << std::hex << place.offset << " in "
             << module.substr(module.rfind('/') + 1);
        result->line = line.str();
      },
      &frame);
  return frame;
}

// libstdc++'s exception_ptr is one pointer, to the object that was thrown, also where it was rethrown on another thread.
const void* object_of(const std::exception_ptr& error) {
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  return *reinterpret_cast<void* const*>(&error);
}

/// Returns a function of fabric-worker, null in another executable.
template <class Function>
Function executables(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_DEFAULT, name));
}

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t time_of(const std::exception_ptr& error) {
  const auto throw_time = executables<long (*)(const void*)>("fabric_throw_time_ns");
  const int64_t thrown = throw_time != nullptr ? throw_time(object_of(error)) : 0;
  return thrown != 0 ? thrown : now_ns();
}

/// Returns the frames of the place that threw `object`, from the thrower to the last one below the worker's main.
std::string thrown_at(const void* object) {
  // The executable records them, because only its own __cxa_throw comes before libstdc++'s; a program of the user's does not.
  const auto throw_frames = executables<int (*)(const void*, void**, int)>("fabric_throw_frames");
  if (throw_frames == nullptr) return {};
  std::array<void*, kMaxTraceFrames> addresses{};
  const int count = throw_frames(object, addresses.data(), kMaxTraceFrames);
  std::string text;
  for (int i = 0; i < count; ++i) {
    const Frame frame = frame_at(addresses[static_cast<size_t>(i)]);
    if (text.empty() && is_throw_machinery(frame.function)) continue;
    if (frame.function == "fabric_worker_main") break;
    text += (text.empty() ? "" : "\n") + frame.line;
  }
  return text;
}

std::string torch_backtrace(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const c10::Error& from_torch) {
    return from_torch.backtrace() ? from_torch.backtrace()->get() : "";
  } catch (...) {
    return {};
  }
}

void flush_and_say(const frames::WorkerFailure& failure) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  const bool is_exception = !failure.exception_type.empty();
  std::fprintf(stderr, "fabric-worker: %s%s%s%s\n", is_exception ? "uncaught " : "", failure.exception_type.c_str(),
               is_exception ? ": " : "", failure.message.c_str());
}

}  // namespace

frames::WorkerFailure describe_exception(const std::exception_ptr& error) {
  frames::WorkerFailure failure;
  failure.time_ns = time_of(error);
  try {
    std::rethrow_exception(error);
  } catch (...) {
    describe_current(failure);
  }
  return failure;
}

std::string backtrace_of(const std::exception_ptr& error) {
  std::string frames = thrown_at(object_of(error));
  return frames.empty() ? torch_backtrace(error) : frames;
}

// The agent hears of the failure before anything else is done, so that nothing can come between.
void tell_exception(AgentLink& link, const std::exception_ptr& error) noexcept {
  if (!link.claim_failure()) return;
  try {
    frames::WorkerFailure failure = describe_exception(error);
    link.report_failure(failure);
    flush_and_say(failure);
    failure.backtrace = backtrace_of(error);
    link.report_failure(failure);
  } catch (const std::exception&) {  // no memory: the exit status has to tell
  }
}

void tell_failure(AgentLink& link, const std::string& message) noexcept {
  if (!link.claim_failure()) return;
  try {
    const frames::WorkerFailure failure{{}, message, {}, now_ns()};
    link.report_failure(failure);
    flush_and_say(failure);
  } catch (const std::exception&) {
  }
}

}  // namespace fabric
