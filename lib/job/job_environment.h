#pragma once

#include <map>
#include <string>
#include <string_view>

#include "job/diagnostics.h"
#include "job/job_spec.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Environment variables by name.
using Variables = std::map<std::string, std::string>;

/// Brings the entry `env` of the map `job` into its long form: `env: {A: 1}` becomes `env: {set: {A: 1}}`. Variables beside
/// `pass`, `set` or `secret` are an error.
void nest_environment(YamlNode& job, Diagnostics& diagnostics);

/// Reads section `env:` in its long form. Values are taken as they are written, so that `0.10` stays "0.10". FABRIC_* is
/// refused: Fabric sets these. So is a secret that `variables`, those of fabric-run, do not have.
EnvironmentOptions read_environment(const YamlNode& section, const Variables& variables, Diagnostics& diagnostics);

/// Returns whether ranks inherit the variable `name` from fabric-run: all, or with `pass` those that it names, secrets, and
/// those without which programs do not run as anywhere else (PATH, HOME, LD_LIBRARY_PATH, CUDA_VISIBLE_DEVICES and the like).
bool is_passed(const EnvironmentOptions& options, const std::string& name);

}  // namespace fabric::job
