#pragma once

#include <string>

#include "job/job_spec.h"

namespace fabric::job {

/// Returns the job as one JSON object on one line, the form in which ranks get it (GenerationPlan::job_json):
///
///   {"name", "program", "directory", "args": {name: value}, "fabric": {"accelerator", "strategy", "devices": n or "auto",
///    "num_nodes", "precision", "loggers": [..]}, "elastic": {"min_nodes", .., "rendezvous_timeout_ms", "heartbeat_ms",
///    "lease_ms", "grace_ms", "restart_window_ms", "max_failures_without_progress", "stop_timeout_ms"}, "env": {..}, "workdir",
///    "threads": n or null, "binding", "limits": {"core_bytes": n, "unlimited" or null, "open_files", "memory_bytes",
///    "processes"}, "start_method", "output": {"directory", "ranks": [..] or "all", "rotate_bytes"}}
std::string to_json(const JobSpec& spec);

/// Returns the job as a YAML file with every key written out and every path absolute. read_job() of it gives `spec` back,
/// wherever the file stands.
std::string to_yaml(const JobSpec& spec);

}  // namespace fabric::job
