#pragma once

#include "job/yaml_tree.h"

namespace fabric::job {

/// Lays `upper` over `lower`: maps are merged entry by entry, any other value of `upper` takes the place of what is there. A
/// section without entries (null) says nothing, so that what is below stays.
void merge(YamlNode& lower, YamlNode upper);

/// Takes the entry `key` out of the map `node`; returns nullopt if there is none.
std::optional<YamlNode> take_entry(YamlNode& node, std::string_view key);

}  // namespace fabric::job
