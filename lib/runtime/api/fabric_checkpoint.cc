#include <algorithm>
#include <filesystem>

#include "core/concat.h"
#include "fabric/fabric.h"
#include "runtime/api/agreement.h"
#include "runtime/api/fabric_core.h"

namespace fabric {
namespace {

std::string names_of(const State& state) {
  std::string names;
  for (const State::Entry& entry : state.entries()) names += (names.empty() ? "" : ", ") + entry.key;
  return names;
}

void check_filter(const StateFilter& filter, const State& state) {
  for (const auto& [key, keep] : filter) {
    if (!state.contains(key)) {
      throw UsageError(
          concat("filters must name entries of the state, but '", key, "' is none of {", names_of(state), "}"));
    }
    if (!keep) throw UsageError(concat("the filter of '", key, "' must be a function, but is empty"));
  }
}

Dict filtered(const Dict& dict, const StateFilter::mapped_type& keep) {
  Dict kept;
  for (const auto& [name, value] : dict) {
    if (keep(name, value)) kept.emplace_back(name, value);
  }
  return kept;
}

/// Returns what is saved of `state`. An entry of which the filter keeps nothing is left out.
Dict collect(const State& state, const StateFilter& filter) {
  check_filter(filter, state);
  Dict checkpoint;
  for (const State::Entry& entry : state.entries()) {
    Value value = entry.save();
    const auto filter_of_entry = filter.find(entry.key);
    if (filter_of_entry != filter.end() && value.is_dict()) {
      value = filtered(value.to_dict(), filter_of_entry->second);
      if (value.to_dict().empty()) continue;
    }
    checkpoint.emplace_back(entry.key, std::move(value));
  }
  return checkpoint;
}

void check_present(const Value& checkpoint, const State& state, const std::string& path) {
  for (const State::Entry& entry : state.entries()) {
    if (checkpoint.find(entry.key) != nullptr) continue;
    std::string names;
    for (const auto& [name, value] : checkpoint.to_dict()) names += (names.empty() ? "" : ", ") + name;
    throw UsageError(concat("the checkpoint '", path, "' must have the state's entry '", entry.key, "', but has {",
                            names, "}; load a part of it with strict = false"));
  }
}

/// Loads what `state` names, and returns the rest in the order of the file.
Dict load_into(const Value& checkpoint, State& state) {
  for (const State::Entry& entry : state.entries()) {
    const Value* const value = checkpoint.find(entry.key);
    if (value == nullptr) continue;
    try {
      entry.load(*value);
    } catch (const Error& error) {
      std::throw_with_nested(UsageError(concat("cannot load '", entry.key, "': ", error.what())));
    }
  }
  Dict rest;
  for (const auto& [name, value] : checkpoint.to_dict()) {
    if (!state.contains(name)) rest.emplace_back(name, value);
  }
  return rest;
}

}  // namespace

std::string Fabric::checkpoint_path(const std::string& path) const {
  const std::filesystem::path checkpoints = std::filesystem::path(core_->environment.run_directory()) / "checkpoints";
  return (checkpoints / path).lexically_normal().string();
}

std::string Fabric::save(const std::string& path, const State& state, const StateFilter& filter) {
  const std::string absolute = checkpoint_path(path);
  std::exception_ptr failure;
  try {
    const Value checkpoint = collect(state, filter);
    if (is_global_zero()) core_->checkpoint_io->save(checkpoint, absolute);
  } catch (...) {
    failure = std::current_exception();
  }
  agree(core_->strategy->collective(), device(), concat("save('", path, "')"), failure);
  return absolute;
}

Dict Fabric::load(const std::string& path, State& state, bool strict) {
  const std::string absolute = checkpoint_path(path);
  Dict rest;
  std::exception_ptr failure;
  try {
    const Value checkpoint = core_->checkpoint_io->load(absolute);
    if (strict) check_present(checkpoint, state, absolute);
    rest = load_into(checkpoint, state);
  } catch (...) {
    failure = std::current_exception();
  }
  agree(core_->strategy->collective(), device(), concat("load('", path, "')"), failure);
  return rest;
}

Value Fabric::load(const std::string& path) {
  State nothing;
  return load(path, nothing);
}

}  // namespace fabric
