#pragma once

#include <string>
#include <vector>

#include "job/diagnostics.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Puts `value` where `keys` say, making the maps on the way. Returns false if something that is no map is in the way.
bool put_value(YamlNode& root, const std::vector<std::string>& keys, YamlNode value);

/// Applies "path=value" texts to `root` in order: the path names sections and a key with points between them
/// ("fabric.devices", "args.epochs"; all after "args.", "env." or "env.set." is one key), the value is YAML as it would stand in the
/// file. What is there is replaced, what is not there is added. Relative paths are relative to `directory`. Notes what is wrong as "--set <path>:line:column".
void apply_overrides(YamlNode& root, const std::vector<std::string>& overrides, const std::string& directory,
                     Diagnostics& diagnostics);

}  // namespace fabric::job
