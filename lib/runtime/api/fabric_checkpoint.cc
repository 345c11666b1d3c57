#include <algorithm>
#include <filesystem>

#include "core/concat.h"
#include "fabric/fabric.h"
#include "runtime/api/agreed_load.h"
#include "runtime/api/agreement.h"
#include "runtime/api/fabric_core.h"
#include "runtime/api/run_state.h"

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
  if (state.contains(kRunStateKey)) {
    throw UsageError(concat("an entry of a state must have a name of its own, but '", kRunStateKey,
                            "' is the name of what Fabric saves itself; rename it"));
  }
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

/// Returns what reads and writes `path`: the name of a file of safetensors says what it is.
std::shared_ptr<CheckpointIO> io_for(const detail::FabricCore& core, const std::string& path) {
  const bool is_safetensors = path.ends_with(".safetensors") || path.ends_with(".safetensors.index.json");
  if (!is_safetensors || core.checkpoint_io->name() != "torch") return core.checkpoint_io;
  return core.options.registries.checkpoint_ios.create("safetensors");
}

/// Returns what `prepare` does; the message of an error names the file.
template <class Prepare>
PendingLoad naming_file(const std::string& path, const Prepare& prepare) {
  try {
    return prepare();
  } catch (const UsageError& error) {
    std::throw_with_nested(UsageError(concat("checkpoint '", path, "' does not fit: ", error.what())));
  }
}

/// Returns what the state does not name, in the order of the file, and of it what Fabric saved by itself only to whom wants all.
Dict rest_of(const Value& checkpoint, const State& state) {
  Dict rest;
  for (const auto& [name, value] : checkpoint.to_dict()) {
    const bool is_own = name == kRunStateKey && !state.entries().empty();
    if (!state.contains(name) && !is_own) rest.emplace_back(name, value);
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
  Dict run_state = collect_run_state(*core_);  // before anything that may fail on one rank alone
  const std::exception_ptr failure = failure_of([&] {
    Dict checkpoint = collect(state, filter);
    checkpoint.emplace_back(kRunStateKey, std::move(run_state));
    if (is_global_zero()) io_for(*core_, path)->save(checkpoint, absolute);
  });
  agree(core_->strategy->collective(), device(), concat("save('", path, "')"), failure);
  return absolute;
}

Dict Fabric::load(const std::string& path, State& state, bool strict, Verify verify) {
  const std::string absolute = checkpoint_path(path);
  Dict rest;
  std::exception_ptr failure;
  const auto read = [&] {
    const Value checkpoint = io_for(*core_, path)->load(absolute, verify);
    rest = rest_of(checkpoint, state);
    return naming_file(absolute, [&] { return state.prepare_load(checkpoint, strict); });
  };
  const auto failed = load_on_all_ranks(core_->strategy->collective(), device(), read, failure);
  if (failed) throw_failure(*failed, concat("load('", path, "')"), failure);
  return rest;
}

Value Fabric::load(const std::string& path, Verify verify) {
  State nothing;
  return load(path, nothing, /*strict=*/true, verify);
}

void Fabric::load_one(const std::string& path, const std::function<PendingLoad(const Value&)>& prepare) {
  const std::string absolute = checkpoint_path(path);
  Value state = io_for(*core_, path)->load(absolute, Verify::kFirstTouch);
  if (state.is_dict()) std::erase_if(state.to_dict(), [](const auto& entry) { return entry.first == kRunStateKey; });
  naming_file(absolute, [&] { return prepare(state); }).apply();
}

}  // namespace fabric
