#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/ids.h"
#include "core/status.h"
#include "rendezvous/restart_budget.h"

namespace fabric::rendezvous {

// What a coordinator writes down before anybody hears of it, so that one that returns after a crash issues no number of a
// generation again, waits for ranks that may be alive, and spends no budget twice.

/// A coordinator leads from here on.
struct TermBegun {
  uint32_t term = 0;
  template <class V>
  void fields(V& v) {
    v(term);
  }
};

/// A generation got its number and its members, with their node ranks.
struct GenerationIssued {
  GenerationId generation;
  std::map<std::string, int> members = {};
  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, members);
  }
};

/// What was spent so far.
struct BudgetSpent {
  RestartHistory history;
  template <class V>
  void fields(V& v) {
    v(history);
  }
};

/// How many generations failed on a rank of this node first.
struct NodeStruck {
  std::string hostname;
  int strikes = 0;
  template <class V>
  void fields(V& v) {
    v(hostname, strikes);
  }
};

/// Somebody wants the job to end: the first who did.
struct StopAsked {
  std::string reason;
  int exit_code = 0;
  template <class V>
  void fields(V& v) {
    v(reason, exit_code);
  }
};

/// The job is over: it must not be run again.
struct JobEnded {
  int exit_code = 0;
  std::string reason;
  template <class V>
  void fields(V& v) {
    v(exit_code, reason);
  }
};

/// The job is to be run again, whatever was said of its end; what it may spend is as at its beginning.
struct JobReopened {
  template <class V>
  void fields(V& v) {
    v();
  }
};

using JournalEntry =
    std::variant<TermBegun, GenerationIssued, BudgetSpent, NodeStruck, StopAsked, JobEnded, JobReopened>;

/// All that the entries of a journal come to.
struct Journal {
  uint32_t term = 0;  ///< the last one that was begun; 0: none
  std::optional<GenerationIssued> generation;
  RestartHistory history;
  std::map<std::string, int> strikes;  ///< by hostname
  std::optional<StopAsked> stop;
  std::optional<JobEnded> ended;

  void add(const JournalEntry& entry);
  template <class V>
  void fields(V& v) {
    v(term, generation, history, strikes, stop, ended);
  }
};

/// Returns `entry` as one line, without its end.
std::string to_line(const JournalEntry& entry);

/// Reads what to_line() wrote; kDataLoss if it is anything else.
Result<JournalEntry> journal_entry_from(std::string_view line);

/// Reads all lines of a journal. A last line without its end was being written when the machine stopped, before anybody heard
/// of it: it does not count. kDataLoss with the number of the first other line that cannot be read.
Result<Journal> read_journal(std::string_view text);

}  // namespace fabric::rendezvous
