#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "job/diagnostics.h"
#include "job/job_environment.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Applies the variables by which Lightning Fabric's own launcher speaks to it: LT_ACCELERATOR, LT_STRATEGY, LT_DEVICES,
/// LT_NUM_NODES and LT_PRECISION, each for the key of section `fabric:` that its name says; empty ones count as not set.
///
/// Each decides what the job leaves open: a key that is not there, or is `auto`. Where the job says something else than the
/// variable, that is an error, and neither wins.
/// `secrets` are not looked at: the reader refuses them.
void apply_lightning_variables(YamlNode& root, const Variables& variables, const std::vector<std::string>& secrets,
                               Diagnostics& diagnostics);

/// Returns whether the variable `name` decides a key of the job, so that its value is written down: one of the above, or
/// OMP_NUM_THREADS.
bool is_setting_variable(std::string_view name);

}  // namespace fabric::job
