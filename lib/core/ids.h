#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace fabric {

/// Index of a rank in the whole world, 0 .. world_size - 1.
struct GlobalRank {
  int value = 0;
  auto operator<=>(const GlobalRank&) const = default;
};

/// Index of a rank on its node, 0 .. local_world_size - 1.
struct LocalRank {
  int value = 0;
  auto operator<=>(const LocalRank&) const = default;
};

/// Name of an agent within a job: unique, stable over its reconnections, new after its restart.
struct AgentId {
  std::string value;
  auto operator<=>(const AgentId&) const = default;
};

/// Number of a generation: the coordinator's term (one per coordinator process that ever led the job, from 1) and a
/// counter within the term (from 1). Never re-issued. What belongs to an older one is refused everywhere.
struct GenerationId {
  uint32_t term = 0;
  uint32_t counter = 0;
  auto operator<=>(const GenerationId&) const = default;
};

/// Writes "term.counter", the form that directories and events carry: `logs/gen-1.2/`.
inline std::ostream& operator<<(std::ostream& out, const GenerationId& id) {
  return out << id.term << '.' << id.counter;
}
inline std::ostream& operator<<(std::ostream& out, const GlobalRank& rank) { return out << rank.value; }
inline std::ostream& operator<<(std::ostream& out, const LocalRank& rank) { return out << rank.value; }
inline std::ostream& operator<<(std::ostream& out, const AgentId& id) { return out << id.value; }

/// Returns whether `text` may name a run, a node or an agent: 1 to 64 characters of [A-Za-z0-9._-], not starting with
/// '.' or '-', so that it is safe as one path component and in a log line.
bool is_valid_name(std::string_view text);

}  // namespace fabric
