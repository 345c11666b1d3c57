#pragma once

#include "job/diagnostics.h"
#include "job/job_environment.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Applies the variables by which Lightning Fabric's own launcher speaks to it: LT_ACCELERATOR, LT_STRATEGY, LT_DEVICES,
/// LT_NUM_NODES and LT_PRECISION, each for the key of section `fabric:` that its name says; empty ones count as not set.
///
/// Each decides what the job leaves open: a key that is not there, or is `auto`. Where the job says something else than the
/// variable, that is an error, and neither wins.
void apply_lightning_variables(YamlNode& root, const Variables& variables, Diagnostics& diagnostics);

}  // namespace fabric::job
