#pragma once

#include <span>
#include <string>

#include "job/job_spec.h"

namespace fabric::job {

/// A key of a job. The table of them is what the resolved job, the plan, the tables of docs/job-file.md and the JSON schema are
/// made of; defaults are those of JobSpec.
struct JobKey {
  const char* path;           ///< "fabric.devices"
  const char* type;           ///< for people
  const char* default_words;  ///< what stands in for a value that is no fixed one; null: the value in JobSpec()
  const char* meaning;        ///< for people
  const char* schema;         ///< what a JSON schema says of the value, without braces around it
  /// Returns the value as one line of JSON, which is YAML too, as a job file would have it; empty: the key is left out.
  std::string (*value)(const JobSpec& spec);
};

/// Returns all keys in the order of the documentation; keys of a section stand together.
std::span<const JobKey> job_keys();

/// Returns the key of that path, or null.
const JobKey* find_job_key(std::string_view path);

/// Returns the default of a key, for people: its words, or its value.
std::string default_of(const JobKey& key);

/// Returns "fabric" for "fabric.devices", and "" for a key at the top.
std::string_view section_of(const JobKey& key);

/// Returns "devices" for "fabric.devices".
std::string_view name_in_section(const JobKey& key);

}  // namespace fabric::job
