#pragma once

#include <string>
#include <vector>

#include "process/core_placement.h"
#include "rendezvous/settings.h"
#include "run_request.h"

namespace fabric::launcher {

/// A command that a run starts.
struct PlannedCommand {
  std::string starter;  ///< who starts it: "fabric-run"
  std::string purpose;  ///< "the agent of this node"
  std::vector<std::string> words;
};

/// A value of the job, and where it comes from.
struct PlannedValue {
  std::string path;   ///< "fabric.devices", "args.lr"
  std::string value;  ///< one line of JSON; empty: as it is inherited, or decided elsewhere
  job::ValueSource source;
  std::string default_words;  ///< of a default that is no fixed value: what decides it
};

/// What a run would start, made by the same functions that a run is.
struct RunPlan {
  std::string job_name;
  cluster::ClusterInfo cluster;
  rendezvous::Settings settings;     ///< with "<run id>" for what only a run knows
  std::string strategy;              ///< of the largest world
  process::CorePlacement placement;  ///< of the ranks of this node; accelerators are not asked
  std::vector<PlannedCommand> commands;
  std::vector<PlannedValue> values;
  job::Provenance sources;
  bool has_own_threads = false;  ///< the job sets the number of threads in OMP_NUM_THREADS
};

/// Makes the plan of a run. Starts nothing, writes nothing.
RunPlan make_plan(const RunRequest& request);

/// Returns the plan for people.
std::string plan_text(const RunPlan& plan);

/// Returns the plan as one JSON object on one line, with line end (docs/job-file.md lists its members).
std::string plan_json(const RunPlan& plan);

}  // namespace fabric::launcher
