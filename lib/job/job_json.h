#pragma once

#include <string>

#include "job/job_spec.h"

namespace fabric::job {

/// Returns the job as one JSON object on one line, the form in which ranks get it (GenerationPlan::job_json): the keys of
/// docs/job-file.md with every default, sections as objects, values as a job file has them; a key without a value is left out. Texts of `args` and values of
/// `env.set` are templates of expand_rank_text(), as in JobSpec.
std::string to_json(const JobSpec& spec);

/// Returns the job as a YAML file with every key written out and every path absolute. read_job() of it gives `spec` back,
/// wherever the file stands.
std::string to_yaml(const JobSpec& spec);

}  // namespace fabric::job
