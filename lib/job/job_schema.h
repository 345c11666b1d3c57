#pragma once

#include <string>
#include <string_view>

namespace fabric::job {

/// Returns a JSON schema of job files (draft 2020-12), for editors: keys, types, defaults and meanings out of job_keys(). What
/// depends on several keys only the reader checks.
std::string json_schema();

/// Returns the keys of a section ("" for those at the top) as a table of Markdown, as docs/job-file.md has them.
std::string key_table(std::string_view section);

}  // namespace fabric::job
