#include "fabric/state.h"

#include <algorithm>

#include "core/concat.h"

namespace fabric {

State::State(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) add(entry);
}

bool State::contains(std::string_view key) const {
  return std::any_of(entries_.begin(), entries_.end(), [key](const Entry& entry) { return entry.key == key; });
}

void State::add(Entry entry) {
  if (contains(entry.key)) throw UsageError(concat("names in a state must differ, but '", entry.key, "' stands twice"));
  entries_.push_back(std::move(entry));
}

}  // namespace fabric
