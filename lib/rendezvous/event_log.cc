#include "rendezvous/event_log.h"

#include <utility>

#include "rendezvous/text_variant.h"

namespace fabric::rendezvous {

namespace {

constexpr std::string_view kBegin = "begin";
constexpr AlternativeNames<Event> kEventNames = {"tick", "joined", "lost", "gone", "message", "stop", "signal"};
constexpr AlternativeNames<AgentMessage> kMessageNames = {"join",    "heartbeat", "progress", "reached", "exited",
                                                          "stopped", "signaled",  "log",      "goodbye"};

// A message is one of several: its name stands before its fields.
void write(TextWriter& writer, const MessageFrom& event) {
  writer(event.agent.value, std::string(kMessageNames[event.message.index()]));
  std::visit([&](const auto& message) { writer(message); }, event.message);
}
template <class T>
void write(TextWriter& writer, const T& event) {
  writer(event);
}

Status read(TextReader& reader, MessageFrom& event) {
  std::string name;
  reader(event.agent.value, name);
  if (read_alternative(reader, name, kMessageNames, event.message)) return ok_status();
  return data_loss(concat("no agent says '", name, "'"));
}
template <class T>
Status read(TextReader& reader, T& event) {
  reader(event);
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

std::string to_line(const LoggedBegin& begin) {
  TextWriter writer{std::string(kBegin)};
  writer(begin);
  return writer.take();
}

Result<LoggedBegin> logged_begin_from(std::string_view line) {
  TextReader reader(line);
  LoggedBegin begin;
  if (reader.word() != kBegin) return data_loss("a coordinator's log must begin with its settings and its journal");
  reader(begin);
  FABRIC_RETURN_IF_ERROR(reader.finish());
  return begin;
}

Result<EventLog> read_event_log(std::string_view text) {
  EventLog log;
  int number = 0;
  for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    const std::string where = concat("line ", ++number, " of the event log");
    const std::string_view line = text.substr(0, end);
    if (number == 1) {
      Result<LoggedBegin> begin = logged_begin_from(line);
      if (!begin) return begin.error().with_context(where);
      log.begin = std::move(*begin);
      continue;
    }
    Result<LoggedEvent> event = logged_event_from(line);
    if (!event) return event.error().with_context(where);
    log.events.push_back(std::move(*event));
  }
  if (number == 0) return data_loss("the event log is empty");
  return log;
}

}  // namespace fabric::rendezvous
