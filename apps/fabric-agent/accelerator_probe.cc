#include "accelerator_probe.h"

#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

namespace fabric::agent {
namespace {

constexpr size_t kMaxOutputBytes = 1 << 20;

// The value of `key`, or `otherwise` where it is missing or of another type: a probe must not end an agent.
template <class T>
T value_of(const nlohmann::json& object, const char* key, T otherwise) {
  const auto it = object.find(key);
  if (it == object.end()) return otherwise;
  if constexpr (std::is_same_v<T, std::string>) {
    return it->is_string() ? it->get<std::string>() : otherwise;
  } else {
    return it->is_number_integer() ? it->get<T>() : otherwise;
  }
}

}  // namespace

Accelerators parse_accelerators(std::string_view json) {
  Accelerators result;
  const nlohmann::json document = nlohmann::json::parse(json, nullptr, false);
  const bool is_report =
      document.is_object() && document.contains("accelerators") && document["accelerators"].is_array();
  if (!is_report) {
    result.note = "fabric-worker --probe must print a JSON object with a list 'accelerators', but did not";
    return result;
  }
  for (const nlohmann::json& entry : document["accelerators"]) {
    if (!entry.is_object()) continue;
    result.found.push_back({.kind = value_of<std::string>(entry, "kind", ""),
                            .index = value_of<int>(entry, "index", 0),
                            .name = value_of<std::string>(entry, "name", ""),
                            .memory_bytes = value_of<uint64_t>(entry, "memory_bytes", 0),
                            .numa_node = value_of<int>(entry, "numa_node", -1)});
  }
  result.note = value_of<std::string>(document, "note", "");
  return result;
}

void AcceleratorProbe::start(Done done) {
  done_ = std::move(done);
  if (::access(options_.nvidia_control.c_str(), F_OK) != 0) {
    return finish({{}, concat("no accelerator driver: '", options_.nvidia_control, "' is not there")});
  }
  if (const Status status = start_process(); !status.ok()) return finish({{}, status.message()});
  deadline_ = loop_.call_after(options_.timeout, [this] {
    process_->signal_group(SIGKILL);
    const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout).count();
    finish(
        {{}, concat("fabric-worker --probe must answer within ", timeout_ms, " ms, but did not; a driver may hang")});
  });
}

Status AcceleratorProbe::start_process() {
  process::ChildOptions options;
  options.program = options_.worker;
  options.arguments = {"--probe"};
  options.environment = options_.environment;
  options.stdout_to = process::ChildStream::kPipe;
  options.stderr_to = process::ChildStream::kNull;
  FABRIC_ASSIGN_OR_RETURN(process_, process::Child::spawn(options));
  process::OutputSink sink;
  sink.text = [this](std::string_view text) {
    if (output_.size() < kMaxOutputBytes) output_ += text;
  };
  sink.closed = [this] {
    pump_.reset();
    finish(parse_accelerators(output_));
  };
  FABRIC_ASSIGN_OR_RETURN(pump_, process::OutputPump::create(loop_, process_->take_stdout(), std::move(sink)));
  return process_->watch(loop_, [this](process::ChildExit exit) {
    if (!exit.ok() && output_.empty()) {
      finish({{}, "fabric-worker --probe " + describe(exit)});
    }
  });
}

void AcceleratorProbe::finish(Accelerators accelerators) {
  loop_.cancel(deadline_);
  if (const Done done = std::exchange(done_, nullptr)) done(std::move(accelerators));
}

}  // namespace fabric::agent
