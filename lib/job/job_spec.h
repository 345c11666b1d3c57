#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/generation_plan.h"
#include "core/log.h"
#include "core/process_setup.h"

namespace fabric::job {

/// One value of `args:` without a list around it; std::monostate is null. A text is a template of expand_rank_text().
using ArgScalar = std::variant<std::monostate, bool, int64_t, double, std::string>;
/// One value of `args:`, with the type that the job file gave it.
using ArgValue = std::variant<ArgScalar, std::vector<ArgScalar>>;
/// The arguments of the program, in the order of the job file; each name once.
using Arguments = std::vector<std::pair<std::string, ArgValue>>;

/// Section `fabric:`, the words of Lightning Fabric's constructor.
struct FabricOptions {
  std::string accelerator = "auto";  ///< "auto" or "cpu"
  std::string strategy = "auto";     ///< "auto", "single_device" or "ddp"
  std::optional<int> devices;        ///< ranks on each node, at least 1; nullopt: auto
  int num_nodes = 1;                 ///< at least 1
  std::string precision = "32-true";
  std::vector<std::string> loggers{};  ///< "csv"
  bool operator==(const FabricOptions&) const = default;
};

/// Section `cluster:`, where the job runs.
struct ClusterOptions {
  std::string environment = "auto";  ///< "auto": the first that is found, or the name of one
  int simulate_nodes = 0;            ///< so many nodes on this machine, each with an agent of its own; 0: none
  bool operator==(const ClusterOptions&) const = default;
};

/// Section `elastic:`, how the job lives with nodes and ranks that come and go.
struct ElasticOptions {
  int min_nodes = 1;     ///< at least 1; default: fabric.num_nodes
  int max_nodes = 1;     ///< at least min_nodes; default: the larger of min_nodes and fabric.num_nodes
  int max_restarts = 0;  ///< failures of ranks that a new generation may follow, within restart_window
  /// How long to wait for min_nodes, at the start and after a loss.
  std::chrono::milliseconds rendezvous_timeout{300'000};
  /// Pause between two heartbeats of an agent.
  std::chrono::milliseconds heartbeat{200};
  /// How long an agent may run ranks after the send time of its last acknowledged heartbeat; at least 3 * heartbeat.
  std::chrono::milliseconds lease{1'200};
  /// Between SIGTERM and SIGKILL when the job is asked to stop.
  std::chrono::milliseconds grace{10'000};
  /// Restarts longer ago than this no longer count; 0: all of the job count.
  std::chrono::milliseconds restart_window{0};
  /// After how many failures in a row without a step further than ever before the job ends with 93; 0: never.
  int max_failures_without_progress = 3;
  /// How long the ranks may take to reach the step at which they stop, and to save their state there.
  std::chrono::milliseconds stop_timeout{60'000};
  /// After how many failures that began on one node it gets ranks only where min_nodes are not reached without it; 0: never.
  int max_strikes = 3;
  std::optional<int> max_node_losses{};  ///< generations that may end because a node was lost; nullopt: any number
  /// Generations that may end because nodes said that they leave; nullopt: any number.
  std::optional<int> max_preemptions{};
  /// How long nodes that could enlarge the running generation wait for others like them before it is; nullopt: it is not.
  std::optional<std::chrono::milliseconds> scale_up_wait{};
  bool operator==(const ElasticOptions&) const = default;
};

/// Which of two values of a metric is the better one.
enum class MetricMode : uint8_t { kMin, kMax };

/// Section `checkpoint:`, which checkpoints are made and kept, and where a job begins.
struct CheckpointOptions {
  std::optional<int> every_steps{};                  ///< at least 1; nullopt: not by steps
  std::optional<std::chrono::milliseconds> every{};  ///< nullopt: not by time
  std::optional<int> keep_last{};                    ///< at least 1; nullopt: all
  std::string best;                                  ///< name of the metric by which the best are kept; empty: none
  MetricMode best_mode = MetricMode::kMin;
  int keep_best = 1;        ///< at least 1
  std::string resume_from;  ///< absolute; where a run begins that has no checkpoint of its own; empty: anew
  bool operator==(const CheckpointOptions&) const = default;
};

/// Section `env:`, the variables of the ranks.
struct EnvironmentOptions {
  /// Names and patterns (`*`) of the variables of fabric-run that ranks inherit; nullopt: all. See is_passed().
  std::optional<std::vector<std::string>> pass;
  std::map<std::string, std::string> set;  ///< set in ranks, over what they inherit; templates of expand_rank_text()
  /// Names of variables of fabric-run that ranks inherit and whose values stand in no file and no output of Fabric.
  std::vector<std::string> secret;
  bool operator==(const EnvironmentOptions&) const = default;
};

/// Section `network:`, how ranks reach each other.
struct NetworkOptions {
  std::string interface;  ///< name of the interface on every node; empty: the one that leads to the first node
  bool operator==(const NetworkOptions&) const = default;
};

/// Section `logging:`, what Fabric itself says.
struct LoggingOptions {
  LogLevel level = LogLevel::kWarning;  ///< the least that is shown
  bool coordinator = false;             ///< whether all that the coordinator is given is written down, to be replayed
  bool operator==(const LoggingOptions&) const = default;
};

/// Section `output:`, what fabric-run shows and where it keeps runs.
struct OutputOptions {
  std::string directory;  ///< absolute; run directories are made in it; empty: runs/ where fabric-run was started
  std::optional<std::vector<int>> ranks;  ///< global ranks whose lines are shown; nullopt: all
  int64_t rotate_bytes = 0;               ///< a rank's log is continued in another file beyond this; 0: never
  bool operator==(const OutputOptions&) const = default;
};

/// A job: the whole of what its YAML file says, with defaults filled in and paths made absolute.
struct JobSpec {
  std::string name;     ///< see is_valid_name(), and at most kMaxJobNameLength long
  std::string program;  ///< absolute path of the user's shared object; whether it exists is not checked here
  Arguments args;
  FabricOptions fabric;
  ClusterOptions cluster;
  ElasticOptions elastic;
  CheckpointOptions checkpoint;
  EnvironmentOptions env;
  std::string workdir;         ///< absolute; empty: where fabric-run was started
  std::optional<int> threads;  ///< threads of each rank; nullopt: the node's cores shared out
  StartMethod start_method = StartMethod::kForkServer;
  Binding binding = Binding::kNone;
  ResourceLimits limits;  ///< of each rank
  NetworkOptions network;
  OutputOptions output;
  LoggingOptions logging;
  std::string directory;  ///< absolute; relative paths of the job are relative to it; default: the job file's
  bool operator==(const JobSpec&) const = default;
};

/// Leaves room for time and suffix in a run id, which is a name of at most 64 characters.
inline constexpr size_t kMaxJobNameLength = 40;

}  // namespace fabric::job
