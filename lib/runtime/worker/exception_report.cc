#include "runtime/worker/exception_report.h"

#include <c10/util/Exception.h>
#include <cxxabi.h>
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string_view>
#include <typeinfo>

#include "core/concat.h"
#include "runtime/worker/agent_link.h"
#include "runtime/worker/code_place.h"

namespace fabric {
namespace {

constexpr int kMaxFrames = 48;

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

/// Fills in type and message of the exception that is being handled.
void describe_current(frames::WorkerFailure& failure) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  failure.exception_type = type != nullptr ? without_nesting(demangled(type->name())) : "unknown";
  try {
    throw;
  } catch (const std::exception& error) {
    failure.message = message_of(error);
    if (const auto* from_torch = dynamic_cast<const c10::Error*>(&error);
        from_torch != nullptr && from_torch->backtrace()) {
      failure.backtrace = from_torch->backtrace()->get();
    }
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

/// Returns the frames of the place that threw `object`, from the thrower to the last one below the worker's main.
std::string thrown_at(const void* object) {
  // The executable records them, because only its own __cxa_throw comes before libstdc++'s; a program of the user's does not.
  using ThrowFrames = int (*)(const void*, void**, int);
  const auto throw_frames = reinterpret_cast<ThrowFrames>(::dlsym(RTLD_DEFAULT, "fabric_throw_frames"));
  if (throw_frames == nullptr) return {};
  std::array<void*, kMaxFrames> addresses{};
  const int count = throw_frames(object, addresses.data(), kMaxFrames);
  std::string text;
  for (int i = 0; i < count; ++i) {
    const Frame frame = frame_at(addresses[static_cast<size_t>(i)]);
    if (text.empty() && is_throw_machinery(frame.function)) continue;
    if (frame.function == "fabric_worker_main") break;
    text += (text.empty() ? "" : "\n") + frame.line;
  }
  return text;
}

}  // namespace

frames::WorkerFailure describe_exception(const std::exception_ptr& error) {
  frames::WorkerFailure failure;
  // libstdc++'s exception_ptr is one pointer, to the object that was thrown, also where it was rethrown on another thread.
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  const void* const object = *reinterpret_cast<void* const*>(&error);
  try {
    std::rethrow_exception(error);
  } catch (...) {
    describe_current(failure);
  }
  if (std::string frames = thrown_at(object); !frames.empty()) failure.backtrace = std::move(frames);
  return failure;
}

void tell_failure(AgentLink& link, frames::WorkerFailure failure) noexcept {
  if (link.has_reported_failure()) return;
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  const bool is_exception = !failure.exception_type.empty();
  std::fprintf(stderr, "fabric-worker: %s%s%s%s\n", is_exception ? "uncaught " : "", failure.exception_type.c_str(),
               is_exception ? ": " : "", failure.message.c_str());
  link.report_failure(std::move(failure));
}

}  // namespace fabric
