#pragma once

#include <string>
#include <vector>

#include "job/diagnostics.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Applies "path=value" texts to `root` in order: the path names sections and a key with points between them
/// ("fabric.devices", "args.epochs"; all after "args." or "env." is one key), the value is YAML as it would stand in the
/// file. What is there is replaced, what is not there is added. Notes what is wrong as "--set <path>:line:column".
void apply_overrides(YamlNode& root, const std::vector<std::string>& overrides, Diagnostics& diagnostics);

}  // namespace fabric::job
