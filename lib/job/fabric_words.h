#pragma once

#include "job/diagnostics.h"
#include "job/job_spec.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Reads section `fabric:`: the words of Lightning Fabric's constructor, with its spellings and defaults. A word that
/// Lightning Fabric knows and this version does not is told apart from a wrong one.
FabricOptions read_fabric_options(const YamlNode& section, Diagnostics& diagnostics);

/// Returns the strategy that `strategy` ("auto" or one of them) is for that many ranks: `auto` is `single_device` for one rank and
/// `ddp` for more, as the runtime decides it anew in each generation.
std::string strategy_for(const std::string& strategy, int world_size);

/// Returns how many ranks run on each node: `devices`, and on the CPU `auto` is 1.
int ranks_per_node(const FabricOptions& options);

/// Returns whether two values of `key` in section `fabric:` mean the same: "ddp" and "DDP", "32" and "32-true", "0,1" and [0, 1].
bool is_same_word(std::string_view key, const YamlNode& a, const YamlNode& b);

}  // namespace fabric::job
