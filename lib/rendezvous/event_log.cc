#include "rendezvous/event_log.h"

#include <utility>

#include "rendezvous/text_variant.h"

namespace fabric::rendezvous {

namespace {

constexpr AlternativeNames<Event> kEventNames = {"tick", "joined", "lost", "gone", "message", "stop", "signal"};
constexpr AlternativeNames<AgentMessage> kMessageNames = {"join",    "heartbeat", "progress", "reached", "exited",
                                                          "stopped", "signaled",  "log",      "goodbye"};

void write(TextWriter& writer, const Tick&) { writer(); }
void write(TextWriter& writer, const AgentJoined& event) { writer(event.agent.value, event.node); }
void write(TextWriter& writer, const AgentLost& event) { writer(event.agent.value, event.reason); }
void write(TextWriter& writer, const AgentGone& event) { writer(event.agent.value, event.reason); }
void write(TextWriter& writer, const MessageFrom& event) {
  writer(event.agent.value, std::string(kMessageNames[event.message.index()]));
  std::visit([&](const auto& message) { writer(message); }, event.message);
}
void write(TextWriter& writer, const StopRequested& event) { writer(event.reason, event.exit_code, event.immediate); }
void write(TextWriter& writer, const SignalRequested& event) { writer(event.signal); }

Status read(TextReader& reader, Tick&) {
  reader();
  return ok_status();
}
Status read(TextReader& reader, AgentJoined& event) {
  reader(event.agent.value, event.node);
  return ok_status();
}
Status read(TextReader& reader, AgentLost& event) {
  reader(event.agent.value, event.reason);
  return ok_status();
}
Status read(TextReader& reader, AgentGone& event) {
  reader(event.agent.value, event.reason);
  return ok_status();
}
Status read(TextReader& reader, MessageFrom& event) {
  std::string name;
  reader(event.agent.value, name);
  if (read_alternative(reader, name, kMessageNames, event.message)) return ok_status();
  return data_loss(concat("no agent says '", name, "'"));
}
Status read(TextReader& reader, StopRequested& event) {
  reader(event.reason, event.exit_code, event.immediate);
  return ok_status();
}
Status read(TextReader& reader, SignalRequested& event) {
  reader(event.signal);
  return ok_status();
}

// Makes the event called `name`, with its fields still to be read; false if there is none of that name.
template <size_t I = 0>
bool choose_event(std::string_view name, Event& event) {
  if constexpr (I == std::variant_size_v<Event>) {
    return false;
  } else {
    if (name != kEventNames[I]) return choose_event<I + 1>(name, event);
    event.emplace<I>();
    return true;
  }
}

}  // namespace

std::string to_line(const Event& event, TimePoint at) {
  TextWriter writer{concat(at.since_boot.count(), ' ', kEventNames[event.index()])};
  std::visit([&](const auto& one) { write(writer, one); }, event);
  return writer.take();
}

Result<LoggedEvent> logged_event_from(std::string_view line) {
  TextReader reader(line);
  LoggedEvent logged;
  reader(logged.at);
  const std::string name(reader.word());
  if (!choose_event(name, logged.event)) return data_loss(concat("no coordinator knows an event '", name, "'"));
  FABRIC_RETURN_IF_ERROR(std::visit([&](auto& one) { return read(reader, one); }, logged.event));
  FABRIC_RETURN_IF_ERROR(reader.finish());
  return logged;
}

Result<std::vector<LoggedEvent>> read_event_log(std::string_view text) {
  std::vector<LoggedEvent> events;
  for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    Result<LoggedEvent> event = logged_event_from(text.substr(0, end));
    if (!event) return event.error().with_context(concat("line ", events.size() + 1, " of the event log"));
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace fabric::rendezvous
