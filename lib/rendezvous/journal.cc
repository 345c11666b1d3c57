#include "rendezvous/journal.h"

#include <algorithm>

#include "rendezvous/text_variant.h"

namespace fabric::rendezvous {

namespace {

constexpr AlternativeNames<JournalEntry> kNames = {"term", "generation", "budget",  "strike",
                                                   "stop", "ended",      "reopened"};

void add_to(Journal& journal, const TermBegun& entry) { journal.term = std::max(journal.term, entry.term); }
void add_to(Journal& journal, const GenerationIssued& entry) { journal.generation = entry; }
void add_to(Journal& journal, const BudgetSpent& entry) { journal.history = entry.history; }
void add_to(Journal& journal, const NodeStruck& entry) { journal.strikes[entry.hostname] = entry.strikes; }
void add_to(Journal& journal, const StopAsked& entry) { journal.stop = entry; }
void add_to(Journal& journal, const JobEnded& entry) { journal.ended = entry; }

// A job that has ended has no ranks that may be alive; numbers of generations go on all the same.
void add_to(Journal& journal, const JobReopened& /*entry*/) {
  if (journal.ended) journal.generation.reset();
  journal.history = {};
  journal.strikes.clear();
  journal.stop.reset();
  journal.ended.reset();
}

}  // namespace

void Journal::add(const JournalEntry& entry) {
  std::visit([this](const auto& one) { add_to(*this, one); }, entry);
}

std::string to_line(const JournalEntry& entry) {
  TextWriter writer{std::string(kNames[entry.index()])};
  std::visit([&](const auto& one) { writer(one); }, entry);
  return writer.take();
}

Result<JournalEntry> journal_entry_from(std::string_view line) {
  TextReader reader(line);
  JournalEntry entry;
  const std::string name(reader.word());
  if (!read_alternative(reader, name, kNames, entry)) return data_loss(concat("no journal has an entry '", name, "'"));
  FABRIC_RETURN_IF_ERROR(reader.finish());
  return entry;
}

Result<Journal> read_journal(std::string_view text) {
  Journal journal;
  int number = 0;
  for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    ++number;
    const Result<JournalEntry> entry = journal_entry_from(text.substr(0, end));
    if (!entry) return entry.error().with_context(concat("line ", number, " of the journal"));
    journal.add(*entry);
  }
  return journal;
}

}  // namespace fabric::rendezvous
