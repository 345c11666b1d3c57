#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "job/diagnostics.h"
#include "job/job_environment.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// What a job is made of beside its file.
struct JobInputs {
  std::vector<std::string> overrides{};  ///< "path=value" of each --set
  std::string profile{};                 ///< --profile; empty: none
  Variables variables{};                 ///< environment of fabric-run
};

/// The tree of a job, all its layers laid over each other.
struct LayeredJob {
  YamlNode root{};
  std::vector<std::string> profiles{};  ///< names of those that could be chosen
};

/// Deepest nesting of files that include each other, and most files of a job.
inline constexpr size_t kMaxIncludeDepth = 8;
inline constexpr size_t kMaxIncludedFiles = 64;

/// Puts a job together, later layers over earlier ones: the files that it includes in their order, the file itself (`text`,
/// read from `path`, absolute; `name` in messages), the chosen profile, the overrides; then the macros, then what the LT_*
/// variables decide. `include` and `profiles` are no longer in the tree. Notes what is wrong; returns nullopt if there is no
/// tree.
std::optional<LayeredJob> read_layers(std::string_view text, const std::string& name, const std::string& path,
                                      const JobInputs& inputs, Diagnostics& diagnostics);

}  // namespace fabric::job
