#pragma once

#include "job/diagnostics.h"
#include "job/job_spec.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Reads section `fabric:`: the words of Lightning Fabric's constructor, with its spellings and defaults. A word that
/// Lightning Fabric knows and this version does not is told apart from a wrong one.
FabricOptions read_fabric_options(const YamlNode& section, Diagnostics& diagnostics);

}  // namespace fabric::job
