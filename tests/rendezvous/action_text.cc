#include "rendezvous/action_text.h"

#include "rendezvous/text_variant.h"

namespace fabric::rendezvous {

namespace {

constexpr AlternativeNames<CoordinatorMessage> kMessageNames = {
    "welcome", "ack", "start", "ask_steps", "stop_at_step", "signal_ranks", "stop_generation", "shutdown"};

template <class... Fields>
std::string line(const std::string& name, const Fields&... fields) {
  TextWriter writer{name};
  writer(fields...);
  return writer.take();
}

std::string text(const SendTo& action) {
  return std::visit(
      [&](const auto& message) {
        return line(concat("to ", action.agent, ' ', kMessageNames[action.message.index()]), message);
      },
      action.message);
}
std::string text(const DropAgent& action) { return line("drop", action.agent.value, action.reason); }
std::string text(const OpenStore& action) { return concat("open store ", action.generation); }
std::string text(const CloseStore& action) { return concat("close store ", action.generation); }
std::string text(const JobFinished& action) {
  const JobOutcome& outcome = action.outcome;
  return line(concat("finished ", outcome.generation), outcome.exit_code, outcome.reason, outcome.restart_count,
              outcome.reports);
}
std::string text(const Record& action) {
  std::string fields;
  for (const auto& [name, value] : action.fields) {
    std::visit([&, &key = name](const auto& one) { fields += concat(' ', key, '=', one); }, value);
  }
  return concat("record ", action.event, fields);
}
std::string text(const WriteJournal& action) { return concat("journal ", to_line(action.entry)); }

}  // namespace

std::string text_of(const Action& action) {
  return std::visit([](const auto& one) { return text(one); }, action);
}

std::vector<std::string> texts_of(const std::vector<Action>& actions) {
  std::vector<std::string> texts;
  texts.reserve(actions.size());
  for (const Action& action : actions) texts.push_back(text_of(action));
  return texts;
}

}  // namespace fabric::rendezvous
