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
  std::string source;  ///< what it follows from: "job.yaml:4:15", "--wrap"
};

/// A value of the job, and where it comes from.
struct PlannedValue {
  std::string path;   ///< "fabric.devices", "args.lr"
  std::string value;  ///< one line of JSON; empty: as it is inherited, or decided elsewhere
  job::ValueSource source;
  std::string default_words;  ///< of a default that is no fixed value: what decides it
};

/// Something that the job comes to.
struct PlannedFact {
  std::string name;    ///< "nodes"; empty: more of the fact before
  std::string value;   ///< for people: "2 to 4 nodes"
  std::string source;  ///< where it comes from: "job.yaml:3:19", "default: ...", "environment, LT_DEVICES"
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
  std::vector<PlannedFact> facts;
};

/// Returns what `source` is, for people; `default_words` say what decides a default.
std::string describe(const job::ValueSource& source, const std::string& default_words = {});

/// Returns the facts of a plan that has all else.
std::vector<PlannedFact> facts_of(const RunPlan& plan, const RunRequest& request);

/// Makes the plan of a run. Starts nothing, writes nothing.
RunPlan make_plan(const RunRequest& request);

/// Returns the plan for people.
std::string plan_text(const RunPlan& plan);

/// Returns the plan as one JSON object on one line, with line end (docs/job-file.md lists its members).
std::string plan_json(const RunPlan& plan);

}  // namespace fabric::launcher
