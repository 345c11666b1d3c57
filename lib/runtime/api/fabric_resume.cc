// Where a run goes on.

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "core/concat.h"
#include "fabric/fabric.h"
#include "runtime/api/agreed_load.h"
#include "runtime/api/agreement.h"
#include "runtime/api/fabric_core.h"
#include "runtime/api/run_state.h"

namespace fabric {
namespace {

/// Reads `path`, whole, and checks it against `state`; what Fabric itself saved in it goes to `run_state`. One that Fabric did
/// not save is good only where it `may_be_foreign`.
PendingLoad read_checkpoint(CheckpointIO& io, const std::string& path, const State& state, bool may_be_foreign,
                            Value& run_state) {
  const Value checkpoint = io.load(path);
  if (!checkpoint.is_dict()) throw UsageError(concat("it must hold named entries, but is a ", checkpoint.kind()));
  const bool is_foreign = !saved_step(checkpoint);
  if (is_foreign && !may_be_foreign) {
    throw UsageError(concat("it must have the entry '", kRunStateKey, "', which Fabric saves, but has not"));
  }
  if (!is_foreign) {
    run_state = *checkpoint.find(kRunStateKey);
    check_run_state(run_state);
  }
  return state.prepare_load(checkpoint);
}

bool is_of_end_step(const std::string& path) {
  return RunCheckpoints::step_of(std::filesystem::path(path).filename().string()).has_value();
}

}  // namespace

/// Tries one checkpoint on all ranks; returns why not, if it cannot be taken on one of them.
std::optional<std::string> Fabric::try_to_resume(const std::string& path, State& state, bool may_be_foreign) {
  Value run_state;
  std::exception_ptr own_failure;
  const auto read = [&] { return read_checkpoint(*core_->checkpoint_io, path, state, may_be_foreign, run_state); };
  const auto failed = load_on_all_ranks(core_->strategy->collective(), device(), read, own_failure);
  if (failed) return failed->message;
  if (!run_state.is_none()) apply_run_state(*core_, run_state);
  return std::nullopt;
}

Resumed Fabric::resume(State& state) {
  core_->resumed_state = state;
  const std::vector<std::string> candidates = resume_candidates();
  std::string skipped;
  for (const std::string& path : candidates) {
    const auto reason = try_to_resume(path, state, /*may_be_foreign=*/false);
    if (!reason) return resumed_from(path);
    const std::string line = concat("checkpoint '", path, "' cannot be resumed: ", *reason);
    if (is_global_zero()) std::cerr << "fabric: " << line << "; trying the one before" << std::endl;
    skipped += concat("\n  ", line);
  }
  // An anomaly: end_step() leaves whole ones only. To begin anew would be to lose the training in silence.
  if (std::any_of(candidates.begin(), candidates.end(), is_of_end_step)) {
    throw UsageError(
        concat("a run that has checkpoints must go on at one of them, but none can be loaded; mend the program, "
               "or begin a new run:",
               skipped));
  }
  const std::string& start = core_->options.checkpoint.resume_from;
  if (start.empty()) return {};
  if (const auto reason = try_to_resume(start, state, /*may_be_foreign=*/true)) {
    throw UsageError(concat("the job must begin at the checkpoint '", start, "', but it cannot be loaded: ", *reason));
  }
  return resumed_from(start);
}

/// Rank 0's view: ranks on other nodes may see a file of a shared directory later.
std::vector<std::string> Fabric::resume_candidates() {
  List names;
  const std::exception_ptr failure = failure_of([&] {
    if (!is_global_zero()) return;
    core_->checkpoints().remove_unfinished();
    for (std::string& path : core_->checkpoints().newest_first()) names.emplace_back(std::move(path));
  });
  agree(core_->strategy->collective(), device(), "resume()", failure);
  std::vector<std::string> paths;
  const Value all = core_->strategy->collective().broadcast(Value(std::move(names)), 0);
  for (const Value& path : all.to_list()) paths.push_back(path.to_string());
  return paths;
}

Resumed Fabric::resumed_from(const std::string& path) {
  core_->schedule.reset();  // counts from here on
  const int64_t furthest = core_->environment.furthest_step();
  return {Resumed::From::kDisk, core_->step, std::max<int64_t>(furthest - core_->step, 0), path};
}

}  // namespace fabric
