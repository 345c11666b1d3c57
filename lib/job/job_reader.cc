#include "job/job_reader.h"

#include <filesystem>

#include "core/ids.h"
#include "core/thread_count.h"
#include "job/diagnostics.h"
#include "job/fabric_words.h"
#include "job/job_environment.h"
#include "job/job_file.h"
#include "job/job_overrides.h"
#include "job/job_sections.h"
#include "job/plan_words.h"
#include "job/section_reader.h"
#include "job/yaml_tree.h"

namespace fabric::job {
namespace {

/// The section, or a null node where it is missing, which every reader takes for an empty one.
const YamlNode& section_of(SectionReader& top, std::string_view key, const YamlNode& nothing) {
  const YamlNode* node = top.take(key);
  return node != nullptr ? *node : nothing;
}

void read_name(SectionReader& top, const YamlNode& root, JobSpec& spec) {
  const auto name = top.text("name");
  if (!name.has_value()) {
    if (root.find("name") == nullptr)
      top.diagnostics().error(root.mark, "a job must have a name, but has no 'name:'; add one, name: my-job");
    return;
  }
  if (!is_valid_name(*name) || name->size() > kMaxJobNameLength) {
    top.error(*root.find("name"), concat("must be 1 to ", kMaxJobNameLength,
                                         " letters, digits, '.', '_' or '-' and not start with '.' or '-', but is '",
                                         name->substr(0, 80), "'; it names the run's directory, choose a plain one"));
    return;
  }
  spec.name = *name;
}

/// A relative path is relative to `directory:`, if the job has it, else to the file that it stands in.
JobSpec read_spec(const YamlNode& root, const std::string& directory, const JobInputs& inputs,
                  Diagnostics& diagnostics) {
  JobSpec spec;
  const YamlNode nothing;
  SectionReader top(root, "", diagnostics);
  if (root.kind != YamlNode::Kind::kMap) return spec;
  read_name(top, root, spec);
  const YamlNode* program = top.take("program");
  const std::string chosen = top.path("directory", "").value_or("");
  spec.directory = chosen.empty() ? directory : chosen;
  if (program == nullptr) {
    diagnostics.error(root.mark,
                      "a job must have a program, but has no 'program:'; add one, program: ../build/my_program.so");
  } else {
    spec.program = top.path("program", chosen).value_or("");
  }
  spec.args = read_arguments(section_of(top, "args", nothing), diagnostics);
  spec.fabric = read_fabric_options(section_of(top, "fabric", nothing), diagnostics);
  spec.cluster = read_cluster_options(section_of(top, "cluster", nothing), diagnostics);
  spec.elastic = read_elastic_options(section_of(top, "elastic", nothing), spec.fabric.num_nodes, diagnostics);
  spec.checkpoint = read_checkpoint_options(section_of(top, "checkpoint", nothing), chosen, diagnostics);
  spec.env = read_environment(section_of(top, "env", nothing), inputs.variables, diagnostics);
  spec.workdir = top.path("workdir", chosen).value_or("");
  spec.threads = top.integer("threads", 1, 4'096);
  spec.binding = top.choice("binding", kBindingWords).value_or(spec.binding);
  spec.limits = read_limits(section_of(top, "limits", nothing), diagnostics);
  spec.start_method = top.choice("start_method", kStartMethodWords).value_or(spec.start_method);
  spec.network = read_network_options(section_of(top, "network", nothing), diagnostics);
  spec.output = read_output_options(section_of(top, "output", nothing), chosen, diagnostics);
  spec.logging = read_logging_options(section_of(top, "logging", nothing), diagnostics);
  for (const char* const layer : {"include", "profiles"}) top.take(layer);  // read_layers() took them out
  top.finish();
  return spec;
}

/// OMP_NUM_THREADS of fabric-run decides what the job leaves open, if the ranks would inherit it.
void apply_thread_variable(const Variables& variables, YamlNode& root, JobSpec& spec, Diagnostics& diagnostics) {
  const std::string name = "OMP_NUM_THREADS";
  const auto found = variables.find(name);
  const bool is_open = !spec.threads.has_value() && !spec.env.set.contains(name) && is_passed(spec.env, name);
  if (found == variables.end() || !is_open) return;
  spec.threads = read_thread_count(found->second);
  if (!spec.threads.has_value()) return;
  const int source = diagnostics.add_source({.name = name, .kind = SourceKind::kEnvironment});
  put_value(root, {"threads"},
            {.kind = YamlNode::Kind::kScalar, .mark = {.source = source}, .text = std::to_string(*spec.threads)});
}

/// Reads the text of the job at `path`, which is absolute.
Result<ResolvedJob> resolve(std::string_view text, const std::string& name, const std::string& path,
                            const JobInputs& inputs, Diagnostics& diagnostics) {
  auto layers = read_layers(text, name, path, inputs, diagnostics);
  if (!layers.has_value()) return diagnostics.status();
  const std::string directory = std::filesystem::path(path).parent_path().string();
  ResolvedJob job{.spec = read_spec(layers->root, directory, inputs, diagnostics)};
  FABRIC_RETURN_IF_ERROR(diagnostics.status());
  apply_thread_variable(inputs.variables, layers->root, job.spec, diagnostics);
  job.sources = provenance_of(layers->root, diagnostics);
  job.profiles = std::move(layers->profiles);
  job.warnings = diagnostics.warnings();
  return job;
}

}  // namespace

Result<ResolvedJob> parse_job(std::string_view text, const std::string& name, const std::string& directory,
                              const JobInputs& inputs) {
  Diagnostics diagnostics;
  return resolve(text, name, absolute_path(name, directory), inputs, diagnostics);
}

Result<ResolvedJob> read_job(const std::string& path, const JobInputs& inputs, Diagnostics& diagnostics) {
  const Result<std::string> text = read_job_text(path);
  if (!text.ok()) return Status(text.error().code(), concat(path, ":1:1: a job ", text.error().message()));
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return errno_status(error.value(), concat("find the directory of job '", path, "'"));
  return resolve(*text, path, absolute.lexically_normal().string(), inputs, diagnostics);
}

Result<ResolvedJob> read_job(const std::string& path, const JobInputs& inputs) {
  Diagnostics diagnostics;
  return read_job(path, inputs, diagnostics);
}

}  // namespace fabric::job
