#include "fabric/state.h"

#include <algorithm>

#include "core/concat.h"
#include "fabric/state_containers.h"

namespace fabric {

at::Tensor StateTraits<at::Tensor>::read(const at::Tensor& current, const Value& value) {
  if (value.is_none()) return {};
  const at::Tensor& loaded = value.to_tensor();
  // A copy: the loaded one may lie in the mapped file.
  return loaded.to(current.defined() ? current.device() : loaded.device(), loaded.scalar_type(), /*non_blocking=*/false,
                   /*copy=*/true);
}

namespace detail {

void check_count(size_t here, size_t there) {
  if (here != there) throw UsageError(concat("the checkpoint must have ", here, " elements, but has ", there));
}

void check_presence(bool here, bool there) {
  if (here == there) return;
  throw UsageError(here ? "the checkpoint must have a value for what is set, but has none"
                        : "the checkpoint must have none for what is not set, but has a value");
}

}  // namespace detail

State::State(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) add(entry);
}

bool State::contains(std::string_view key) const {
  return std::any_of(entries_.begin(), entries_.end(), [key](const Entry& entry) { return entry.key == key; });
}

Dict State::save() const {
  Dict dict;
  for (const Entry& entry : entries_) dict.emplace_back(entry.key, entry.save());
  return dict;
}

PendingLoad State::prepare_load(const Value& value, bool strict) const {
  PendingLoad pending;
  for (const Entry& entry : entries_) {
    const Value* const loaded = value.find(entry.key);
    if (loaded == nullptr) {
      if (!strict) continue;
      std::string names;
      for (const auto& [name, item] : value.to_dict()) names += (names.empty() ? "" : ", ") + name;
      throw UsageError(concat("the checkpoint must have the state's entry '", entry.key, "', but has {", names,
                              "}; load a part of it with strict = false"));
    }
    try {
      pending.add(entry.prepare(*loaded), entry.key);
    } catch (const UsageError& error) {
      std::throw_with_nested(UsageError(concat("cannot load '", entry.key, "': ", error.what())));
    }
  }
  return pending;
}

void State::add(Entry entry) {
  if (contains(entry.key)) throw UsageError(concat("names in a state must differ, but '", entry.key, "' stands twice"));
  entries_.push_back(std::move(entry));
}

}  // namespace fabric
