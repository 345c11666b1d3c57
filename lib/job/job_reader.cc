#include "job/job_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/ids.h"
#include "core/unique_fd.h"
#include "job/diagnostics.h"
#include "job/fabric_words.h"
#include "job/job_overrides.h"
#include "job/job_sections.h"
#include "job/plan_words.h"
#include "job/section_reader.h"
#include "job/yaml_tree.h"

namespace fabric::job {
namespace {

Status check_file(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_status(errno, concat("look at job '", path, "'"));
  if (S_ISDIR(info.st_mode)) {
    return invalid_argument(concat(path, ":1:1: a job must be a file, but is a directory; name the job.yaml in it"));
  }
  if (!S_ISREG(info.st_mode)) {
    return invalid_argument(
        concat(path, ":1:1: a job must be a regular file, but is a device or a pipe; write it into a file"));
  }
  return ok_status();
}

Result<std::string> read_text(const std::string& path) {
  // O_NONBLOCK, so that a named pipe is refused and not waited for.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return errno_status(errno, concat("open job '", path, "'"));
  FABRIC_RETURN_IF_ERROR(check_file(fd.get(), path));
  std::string text(kMaxJobBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_status(errno, concat("read job '", path, "'"));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxJobBytes) {
    return invalid_argument(concat(path, ":1:1: a job must be at most ", kMaxJobBytes,
                                   " bytes, but is longer; put data into a file of its own"));
  }
  text.resize(size);
  return text;
}

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

JobSpec read_spec(const YamlNode& root, const std::string& directory, Diagnostics& diagnostics) {
  JobSpec spec;
  const YamlNode nothing;
  SectionReader top(root, "", diagnostics);
  if (root.kind != YamlNode::Kind::kMap) return spec;
  read_name(top, root, spec);
  const YamlNode* program = top.take("program");
  spec.directory = top.path("directory", directory).value_or(directory);
  if (program == nullptr) {
    diagnostics.error(root.mark,
                      "a job must have a program, but has no 'program:'; add one, program: ../build/my_program.so");
  } else {
    spec.program = top.path("program", spec.directory).value_or("");
  }
  spec.args = read_arguments(section_of(top, "args", nothing), diagnostics);
  spec.fabric = read_fabric_options(section_of(top, "fabric", nothing), diagnostics);
  spec.elastic = read_elastic_options(section_of(top, "elastic", nothing), spec.fabric.num_nodes, diagnostics);
  spec.env = read_environment(section_of(top, "env", nothing), diagnostics);
  spec.workdir = top.path("workdir", spec.directory).value_or("");
  spec.threads = top.integer("threads", 1, 4'096);
  spec.binding = top.choice("binding", kBindingWords).value_or(spec.binding);
  spec.limits = read_limits(section_of(top, "limits", nothing), diagnostics);
  spec.start_method = top.choice("start_method", kStartMethodWords).value_or(spec.start_method);
  spec.output = read_output_options(section_of(top, "output", nothing), spec.directory, diagnostics);
  top.finish();
  return spec;
}

}  // namespace

Result<JobSpec> parse_job(std::string_view text, const std::string& name, const std::string& directory,
                          const std::vector<std::string>& overrides) {
  Diagnostics diagnostics;
  const int source = diagnostics.add_source(name);
  auto root = parse_yaml(text, source, diagnostics);
  if (!root.has_value()) return diagnostics.status();
  apply_overrides(*root, overrides, diagnostics);
  JobSpec spec = read_spec(*root, directory, diagnostics);
  FABRIC_RETURN_IF_ERROR(diagnostics.status());
  return spec;
}

Result<JobSpec> read_job(const std::string& path, const std::vector<std::string>& overrides) {
  FABRIC_ASSIGN_OR_RETURN(const std::string text, read_text(path));
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return errno_status(error.value(), concat("find the directory of job '", path, "'"));
  return parse_job(text, path, absolute.lexically_normal().parent_path().string(), overrides);
}

}  // namespace fabric::job
