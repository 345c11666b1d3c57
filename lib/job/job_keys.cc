#include "job/job_keys.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "job/plan_words.h"

namespace fabric::job {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string text_or_nothing(const std::string& text) { return text.empty() ? "" : line_of(text); }

/// In the largest unit in which it is a whole number.
std::string duration(std::chrono::milliseconds value) {
  const int64_t count = value.count();
  for (const auto& [unit, size] : {std::pair("h", 3'600'000), std::pair("m", 60'000), std::pair("s", 1'000)}) {
    if (count % size == 0 && (count > 0 || size == 1'000)) return line_of(concat(count / size, unit));
  }
  return line_of(concat(count, "ms"));
}

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

std::string limit(int64_t value, const char* unit) {
  if (value < 0) return "";
  if (value == kUnlimited) return line_of("unlimited");
  return *unit == '\0' ? line_of(value) : line_of(concat(value, unit));
}

std::string count_or(std::optional<int> value, const char* word) {
  return value.has_value() ? line_of(*value) : line_of(word);
}

Json json_of(const ArgScalar& value) {
  return std::visit(
      [](const auto& alternative) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(alternative)>, std::monostate>) {
          return nullptr;
        } else {
          return alternative;
        }
      },
      value);
}

Json json_of(const ArgValue& value) {
  if (const auto* scalar = std::get_if<ArgScalar>(&value)) return json_of(*scalar);
  Json list = Json::array();
  for (const ArgScalar& item : std::get<std::vector<ArgScalar>>(value)) list.push_back(json_of(item));
  return list;
}

std::string arguments(const JobSpec& spec) {
  Json object = Json::object();
  for (const auto& [name, value] : spec.args) object[name] = json_of(value);
  return line_of(object);
}

std::string variables(const JobSpec& spec) {
  Json object = Json::object();
  for (const auto& [name, value] : spec.env.set) object[name] = value;
  return line_of(object);
}

using Spec = const JobSpec&;

constexpr const char* kDurationSchema = R"("type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$")";
constexpr const char* kSizeSchema = R"("type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?([KMG]i?)?B|unlimited)$")";
constexpr const char* kCountSchema =
    R"("oneOf": [{"type": "integer", "minimum": 0, "maximum": 1000000}, {"const": "unlimited"}])";
constexpr const char* kPathSchema = R"("type": "string", "minLength": 1)";

constexpr std::array kKeys = {
    // The top.
    JobKey{"name", "text, 1 to 40 of `A-Z a-z 0-9 . _ -`, not starting with `.` or `-`", "required", "names the run",
           R"("type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,39}$")",
           [](Spec spec) { return line_of(spec.name); }},
    JobKey{"program", "path", "required", "the shared object that `fabric_add_program()` builds", kPathSchema,
           [](Spec spec) { return line_of(spec.program); }},
    JobKey{"directory", "path", "that of the job file",
           "what relative paths of the job refer to, in whatever file they stand, and `args.path()` of the program",
           kPathSchema, [](Spec spec) { return text_or_nothing(spec.directory); }},
    JobKey{
        "args", "map", "none",
        "arguments of the program: text, perhaps with macros of ranks, numbers, true, false, null, and lists of them. Names start with a letter or `_` "
        "and have `A-Z a-z 0-9 . _ -`",
        R"("type": ["object", "null"], "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9._-]{0,127}$"}, "additionalProperties": {"not": {"type": "object"}})",
        arguments},
    JobKey{"workdir", "path", "where `fabric-run` was started", "working directory of the ranks", kPathSchema,
           [](Spec spec) { return text_or_nothing(spec.workdir); }},
    JobKey{
        "threads", "integer, 1 to 4096", "the rank's share of the node's cores",
        "threads of each rank, unless `env` sets `OMP_NUM_THREADS`; where the job says neither, an `OMP_NUM_THREADS` of "
        "`fabric-run` that the ranks would inherit counts; see binding",
        R"("type": "integer", "minimum": 1, "maximum": 4096)",
        [](Spec spec) { return spec.threads.has_value() ? line_of(*spec.threads) : ""; }},
    JobKey{"binding", "`none`, `cores`, `numa`", nullptr, "which cores a rank may run on, see below",
           R"("enum": ["none", "cores", "numa"])",
           [](Spec spec) { return line_of(word_for(kBindingWords, spec.binding)); }},
    JobKey{
        "start_method", "`forkserver`, `exec`", nullptr,
        "how ranks come into being. `forkserver`: from a process that has LibTorch and the program loaded, in "
        "milliseconds; where the program does not allow that (it starts threads while it is loaded, for example), by "
        "`exec`, and the agent's log says why. `exec`: each rank loads everything itself",
        R"("enum": ["forkserver", "exec"])",
        [](Spec spec) { return line_of(word_for(kStartMethodWords, spec.start_method)); }},
    // The words of Lightning Fabric's constructor.
    JobKey{
        "fabric.accelerator", "`auto`, `cpu`", nullptr, "what the ranks compute on",
        R"("anyOf": [{"enum": ["auto", "cpu"]}, {"type": "string", "pattern": "^([Aa][Uu][Tt][Oo]|[Cc][Pp][Uu])$"}])",
        [](Spec spec) { return line_of(spec.fabric.accelerator); }},
    JobKey{
        "fabric.strategy", "`auto`, `single_device`, `ddp`", nullptr,
        "`auto` is `single_device` for one rank and `ddp` for more; `dp` is `ddp` on the CPU, with a warning",
        R"("anyOf": [{"enum": ["auto", "single_device", "ddp"]}, {"type": "string", "pattern": "^([Aa][Uu][Tt][Oo]|[Dd][Dd]?[Pp]|[Ss][Ii][Nn][Gg][Ll][Ee]_[Dd][Ee][Vv][Ii][Cc][Ee])$"}])",
        [](Spec spec) { return line_of(spec.fabric.strategy); }},
    JobKey{
        "fabric.devices", "integer, 1 to 4096, or `auto`", nullptr, "ranks on each node; `auto` is 1 on the CPU",
        R"("oneOf": [{"type": "integer", "minimum": 1, "maximum": 4096}, {"type": "string", "pattern": "^([1-9][0-9]{0,3}|[Aa][Uu][Tt][Oo])$"}])",
        [](Spec spec) { return spec.fabric.devices.has_value() ? line_of(*spec.fabric.devices) : line_of("auto"); }},
    JobKey{
        "fabric.num_nodes", "integer, 1 to 100000", nullptr, "nodes",
        R"("oneOf": [{"type": "integer", "minimum": 1, "maximum": 100000}, {"type": "string", "pattern": "^[1-9][0-9]{0,5}$"}])",
        [](Spec spec) { return line_of(spec.fabric.num_nodes); }},
    JobKey{"fabric.precision", "`32-true`, `32`", nullptr, "of parameters and of what is computed",
           R"("enum": ["32-true", "32", 32, null])", [](Spec spec) { return line_of(spec.fabric.precision); }},
    JobKey{
        "fabric.loggers", "list of `csv`, or one word", nullptr, "`csv` writes `metrics.csv` into the run's directory",
        R"("oneOf": [{"const": "csv"}, {"type": "array", "items": {"const": "csv"}, "uniqueItems": true}, {"type": "null"}])",
        [](Spec spec) { return line_of(spec.fabric.loggers); }},
    // Where it runs.
    JobKey{
        "cluster.environment", "`auto`, `local`", nullptr,
        "where the nodes come from; `auto`: from the first of these that is found",
        R"("anyOf": [{"enum": ["auto", "local"]}, {"type": "string", "pattern": "^([Aa][Uu][Tt][Oo]|[Ll][Oo][Cc][Aa][Ll])$"}])",
        [](Spec spec) { return line_of(spec.cluster.environment); }},
    JobKey{
        "cluster.simulate_nodes", "integer, 0 to 64", nullptr,
        "so many nodes on this machine, to try elastic jobs: each has an agent of its own and a share of the cores, and "
        "one whose agent ends comes back; 0: the machine is what it is. `--simulate-nodes N` says the same",
        R"("type": "integer", "minimum": 0, "maximum": 64)",
        [](Spec spec) { return line_of(spec.cluster.simulate_nodes); }},
    // Nodes and ranks that come and go.
    JobKey{"elastic.min_nodes", "integer from 1", "`fabric.num_nodes`, or `max_nodes` if that is less",
           "fewest nodes that ranks run on", R"("type": "integer", "minimum": 1, "maximum": 100000)",
           [](Spec spec) { return line_of(spec.elastic.min_nodes); }},
    JobKey{"elastic.max_nodes", "integer from 1", "the larger of `min_nodes` and `fabric.num_nodes`", "most nodes",
           R"("type": "integer", "minimum": 1, "maximum": 100000)",
           [](Spec spec) { return line_of(spec.elastic.max_nodes); }},
    JobKey{"elastic.max_restarts", "integer from 0", nullptr,
           "how often the ranks may be started again after one of them failed, in the whole job or within "
           "`restart_window`; nodes that are lost cost none; none with `--wrap`",
           R"("type": "integer", "minimum": 0, "maximum": 1000000)",
           [](Spec spec) { return line_of(spec.elastic.max_restarts); }},
    JobKey{"elastic.restart_window", "duration", nullptr,
           "restarts longer ago than this no longer count; 0: those of the whole job do", kDurationSchema,
           [](Spec spec) { return duration(spec.elastic.restart_window); }},
    JobKey{"elastic.max_failures_without_progress", "integer from 0", nullptr,
           "after so many failures in a row without a step further than ever before the job ends with 93; 0: never",
           R"("type": "integer", "minimum": 0, "maximum": 1000000)",
           [](Spec spec) { return line_of(spec.elastic.max_failures_without_progress); }},
    JobKey{"elastic.rendezvous_timeout", "duration", nullptr,
           "how long to wait for `min_nodes`, at the start and after a loss", kDurationSchema,
           [](Spec spec) { return duration(spec.elastic.rendezvous_timeout); }},
    JobKey{"elastic.heartbeat", "duration", nullptr, "between two signs of life of a node", kDurationSchema,
           [](Spec spec) { return duration(spec.elastic.heartbeat); }},
    JobKey{"elastic.lease", "duration, at least 3 heartbeats", nullptr,
           "how long a node may run its ranks after its last answered sign of life", kDurationSchema,
           [](Spec spec) { return duration(spec.elastic.lease); }},
    JobKey{"elastic.grace", "duration", nullptr, "between SIGTERM and SIGKILL when the job is stopped", kDurationSchema,
           [](Spec spec) { return duration(spec.elastic.grace); }},
    JobKey{
        "elastic.stop_timeout", "duration", nullptr,
        "how long the ranks may take to reach the step at which they stop, and to save their state there; 0: they are "
        "not asked and get SIGTERM at once",
        kDurationSchema, [](Spec spec) { return duration(spec.elastic.stop_timeout); }},
    JobKey{
        "elastic.max_strikes", "integer from 0", nullptr,
        "after so many failures that began on one node it gets ranks only where `min_nodes` are not reached without it; "
        "0: never",
        R"("type": "integer", "minimum": 0, "maximum": 1000000)",
        [](Spec spec) { return line_of(spec.elastic.max_strikes); }},
    JobKey{"elastic.max_node_losses", "integer from 0, `unlimited`", "`unlimited`",
           "how often the ranks may be started again because a node was lost", kCountSchema,
           [](Spec spec) { return count_or(spec.elastic.max_node_losses, "unlimited"); }},
    JobKey{"elastic.max_preemptions", "integer from 0, `unlimited`", "`unlimited`",
           "how often the ranks may be started again because nodes said that they leave", kCountSchema,
           [](Spec spec) { return count_or(spec.elastic.max_preemptions, "unlimited"); }},
    JobKey{
        "elastic.scale_up_wait", "duration, `never`", "`never`",
        "how long nodes that could enlarge the running job wait for others like them, before its ranks stop at a step, "
        "save their state and are started with them",
        R"("type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h)|never)$")",
        [](Spec spec) {
          const auto wait = spec.elastic.scale_up_wait;
          return wait.has_value() ? duration(*wait) : line_of("never");
        }},
    // What is kept of the training, and where it begins.
    JobKey{
        "checkpoint.every_steps", "integer from 1, `never`", "`never`",
        "after so many steps the state that the program gives to `end_step()` is saved as `checkpoints/step-<n>.ckpt`",
        R"("oneOf": [{"type": "integer", "minimum": 1, "maximum": 1000000000}, {"const": "never"}])",
        [](Spec spec) { return count_or(spec.checkpoint.every_steps, "never"); }},
    JobKey{"checkpoint.every", "duration from 1s, `never`", "`never`",
           "after so much time since the last one that state is saved, at the next step at which all ranks are",
           R"("type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h)|never)$")",
           [](Spec spec) {
             const auto every = spec.checkpoint.every;
             return every.has_value() ? duration(*every) : line_of("never");
           }},
    JobKey{
        "checkpoint.keep_last", "integer from 1, `all`", "`all`",
        "so many of these checkpoints are kept, the latest; those that the program saves under names of its own all are",
        R"("oneOf": [{"type": "integer", "minimum": 1, "maximum": 1000000}, {"const": "all"}])",
        [](Spec spec) { return count_or(spec.checkpoint.keep_last, "all"); }},
    JobKey{"checkpoint.best", "name of a metric that the program logs", "none",
           "beside the latest the best by this metric are kept, and `checkpoints/best.ckpt` leads to the very best",
           R"("type": "string", "minLength": 1)", [](Spec spec) { return text_or_nothing(spec.checkpoint.best); }},
    JobKey{"checkpoint.best_mode", "`min`, `max`", "`min`", "which value of that metric is the better one",
           R"("enum": ["min", "max"])",
           [](Spec spec) {
             return spec.checkpoint.best.empty() ? "" : line_of(word_for(kMetricModeWords, spec.checkpoint.best_mode));
           }},
    JobKey{"checkpoint.keep_best", "integer from 1", "`1`", "how many of the best are kept",
           R"("type": "integer", "minimum": 1, "maximum": 1000000)",
           [](Spec spec) { return spec.checkpoint.best.empty() ? "" : line_of(spec.checkpoint.keep_best); }},
    JobKey{"checkpoint.resume_from", "path", "none",
           "the checkpoint that `resume()` loads where the run has none of its own; `--resume PATH` says the same",
           kPathSchema, [](Spec spec) { return text_or_nothing(spec.checkpoint.resume_from); }},
    // Variables.
    JobKey{"env.pass", "list of names, perhaps with `*`", "all",
           "the variables of `fabric-run` that the ranks inherit; see below",
           R"("type": "array", "items": {"type": "string", "pattern": "^[A-Za-z0-9_*]+$"})",
           [](Spec spec) { return spec.env.pass.has_value() ? line_of(*spec.env.pass) : ""; }},
    JobKey{
        "env.set", "map", "none",
        "variables of the ranks, over what they inherit, perhaps with macros of ranks. Names that start with `FABRIC_` are Fabric's",
        R"("type": ["object", "null"], "propertyNames": {"pattern": "^(?!FABRIC_)[A-Za-z_][A-Za-z0-9_]*$"}, "additionalProperties": {"type": ["string", "number", "boolean"]})",
        variables},
    JobKey{
        "env.secret", "list of names", "none",
        "variables of `fabric-run` that the ranks inherit and whose values Fabric writes nowhere; each must be set",
        R"("type": "array", "items": {"type": "string", "pattern": "^(?!FABRIC_)[A-Za-z_][A-Za-z0-9_]*$"}, "uniqueItems": true)",
        [](Spec spec) { return spec.env.secret.empty() ? "" : line_of(spec.env.secret); }},
    // What a rank may use.
    JobKey{"limits.core", "size, `unlimited`", "as `fabric-run` has it",
           "`RLIMIT_CORE`: largest core file; `0B`: none is written", kSizeSchema,
           [](Spec spec) { return limit(spec.limits.core_bytes, "B"); }},
    JobKey{"limits.open_files", "integer from 64, `unlimited`", "as `fabric-run` has it",
           "`RLIMIT_NOFILE`: descriptors",
           R"("oneOf": [{"type": "integer", "minimum": 64, "maximum": 1073741824}, {"const": "unlimited"}])",
           [](Spec spec) { return limit(spec.limits.open_files, ""); }},
    JobKey{
        "limits.memory", "size from 64MiB, `unlimited`", "as `fabric-run` has it",
        "`RLIMIT_AS`: address space, which is more than what is in use: mapped libraries count, and LibTorch is large",
        kSizeSchema, [](Spec spec) { return limit(spec.limits.address_space_bytes, "B"); }},
    JobKey{"limits.processes", "integer from 1, `unlimited`", "as `fabric-run` has it",
           "`RLIMIT_NPROC`: processes and threads of the user, all jobs together; the superuser has no such limit",
           R"("oneOf": [{"type": "integer", "minimum": 1, "maximum": 1073741824}, {"const": "unlimited"}])",
           [](Spec spec) { return limit(spec.limits.processes, ""); }},
    // How ranks reach each other.
    JobKey{"network.interface", "name", "the one that leads to the first node; the loopback where there is one node",
           "the interface of every node over which the ranks talk, as `ip link` names it",
           R"("type": "string", "minLength": 1, "maxLength": 15)",
           [](Spec spec) { return text_or_nothing(spec.network.interface); }},
    // What is shown and kept.
    JobKey{"output.directory", "path", "`runs` where `fabric-run` was started", "runs are made in it; `--run-dir` wins",
           kPathSchema, [](Spec spec) { return text_or_nothing(spec.output.directory); }},
    JobKey{"output.ranks", "`all`, or a list of global ranks", nullptr, "whose lines are shown; logs have all",
           R"("oneOf": [{"const": "all"}, {"type": "array", "items": {"type": "integer", "minimum": 0}}])",
           [](Spec spec) { return spec.output.ranks.has_value() ? line_of(*spec.output.ranks) : line_of("all"); }},
    JobKey{"output.rotate", "size from 1KiB, `never`", nullptr,
           "beyond this size a rank's log is continued in another file",
           R"("type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?([KMG]i?)?B|never)$")",
           [](Spec spec) {
             return line_of(spec.output.rotate_bytes == 0 ? "never" : concat(spec.output.rotate_bytes, "B"));
           }},
    // What Fabric itself says.
    JobKey{"logging.level", "`debug`, `info`, `warning`, `error`", nullptr,
           "the least that `fabric-run` and the agents say of themselves; `--verbose` is `debug`",
           R"("enum": ["debug", "info", "warning", "error"])",
           [](Spec spec) { return line_of(word_for(kLogLevelWords, spec.logging.level)); }},
    JobKey{
        "logging.coordinator", "`true`, `false`", nullptr,
        "whether all that the coordinator is given is written to `coordinator.log` in the run's directory, from which its "
        "decisions can be replayed (docs/rendezvous.md)",
        R"("type": "boolean")", [](Spec spec) { return line_of(spec.logging.coordinator); }},
};

}  // namespace

std::span<const JobKey> job_keys() { return kKeys; }

const JobKey* find_job_key(std::string_view path) {
  const auto* const found =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const JobKey& key) { return key.path == path; });
  return found != kKeys.end() ? found : nullptr;
}

std::string default_of(const JobKey& key) {
  return key.default_words != nullptr ? key.default_words : key.value(JobSpec());
}

std::string_view section_of(const JobKey& key) {
  const std::string_view path = key.path;
  const size_t point = path.find('.');
  return path.substr(0, point == std::string_view::npos ? 0 : point);
}

std::string_view name_in_section(const JobKey& key) {
  const std::string_view section = section_of(key);
  return std::string_view(key.path).substr(section.empty() ? 0 : section.size() + 1);
}

}  // namespace fabric::job
