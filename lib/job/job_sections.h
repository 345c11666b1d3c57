#pragma once

#include "job/diagnostics.h"
#include "job/job_spec.h"
#include "job/yaml_tree.h"

namespace fabric::job {

// One reader for each section of a job but `fabric:` and `env:`. Each notes what is wrong and returns the rest.

/// Names are 1 to 128 characters of [A-Za-z0-9_.-]; values are scalars or lists of scalars.
Arguments read_arguments(const YamlNode& section, Diagnostics& diagnostics);
/// A word that a later version will have is told apart from a wrong one.
ClusterOptions read_cluster_options(const YamlNode& section, Diagnostics& diagnostics);
/// `num_nodes` is the default of min_nodes and max_nodes.
ElasticOptions read_elastic_options(const YamlNode& section, int num_nodes, Diagnostics& diagnostics);
/// A relative path is relative to `directory`, or if that is empty to that of the file that it stands in.
CheckpointOptions read_checkpoint_options(const YamlNode& section, const std::string& directory,
                                          Diagnostics& diagnostics);
/// A limit that is not named stays as inherited.
ResourceLimits read_limits(const YamlNode& section, Diagnostics& diagnostics);
NetworkOptions read_network_options(const YamlNode& section, Diagnostics& diagnostics);
LoggingOptions read_logging_options(const YamlNode& section, Diagnostics& diagnostics);
/// A relative path is relative to `directory`, or if that is empty to that of the file that it stands in.
OutputOptions read_output_options(const YamlNode& section, const std::string& directory, Diagnostics& diagnostics);

}  // namespace fabric::job
