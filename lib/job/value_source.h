#pragma once

#include <map>
#include <string>
#include <string_view>

#include "job/diagnostics.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Where a value of a job comes from.
struct ValueSource {
  enum class Kind { kDefault, kFile, kFlag, kEnvironment };
  Kind kind = Kind::kDefault;
  std::string text = "default";  ///< "job.yaml:3:19", "--set fabric.devices", "LT_DEVICES"
  std::string macros{};          ///< "${env:HOME}", what was put into the text; empty: nothing
  std::string place{};           ///< "job.yaml:3:19", "--set fabric.devices:1:1"; of a default the start of the job

  bool operator==(const ValueSource&) const = default;
};

/// Returns the word for a kind of source: "default", "file", "flag" or "environment".
std::string_view name_of(ValueSource::Kind kind);

/// Sources of a job's values by their path: "fabric.devices", "args.epochs", "env.set.HOME". What is not there has its default,
/// whose source stands at "".
using Provenance = std::map<std::string, ValueSource>;

/// Returns the sources of all values of `root`; a list is one value.
Provenance provenance_of(const YamlNode& root, const Diagnostics& diagnostics);

/// Returns the source of the value at `path`.
ValueSource source_of(const Provenance& provenance, const std::string& path);

}  // namespace fabric::job
