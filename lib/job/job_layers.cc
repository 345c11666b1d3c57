#include "job/job_layers.h"

#include <algorithm>
#include <filesystem>

#include "job/job_file.h"
#include "job/job_overrides.h"
#include "job/lightning_variables.h"
#include "job/macros.h"
#include "job/nearest_name.h"
#include "job/scalar.h"
#include "job/section_reader.h"
#include "job/yaml_merge.h"

namespace fabric::job {
namespace {

/// Reads a file and, before it, those that it includes.
class FileReader {
 public:
  FileReader(const Variables& variables, Diagnostics& diagnostics) : variables_(variables), diagnostics_(diagnostics) {}

  std::optional<YamlNode> read(std::string_view text, const std::string& name, const std::string& path);
  /// Returns what the entries `include` said, with their macros.
  std::vector<YamlNode>& includes() { return includes_; }

 private:
  struct OpenFile {
    std::string name;
    std::string path;
  };

  void nest_environments(YamlNode& root);
  std::optional<YamlNode> read_included(YamlNode& item);
  std::string name_of(const YamlNode& item, const std::string& shown) const;
  bool may_include(const YamlNode& item, const std::string& path);
  bool refuse(const YamlNode& item, const std::string& message) {
    diagnostics_.error(item.mark, concat("'include' ", message));
    return false;
  }

  const Variables& variables_;
  Diagnostics& diagnostics_;
  std::vector<OpenFile> open_;
  std::vector<YamlNode> includes_;
  size_t num_files_ = 0;
};

std::string parent_of(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

/// Returns the files that an entry `include` names.
std::vector<YamlNode> items_of(YamlNode include) {
  if (include.kind == YamlNode::Kind::kList) return std::move(include.children);
  if (include.kind == YamlNode::Kind::kNull) return {};
  return {std::move(include)};
}

std::optional<YamlNode> FileReader::read(std::string_view text, const std::string& name, const std::string& path) {
  const int source = diagnostics_.add_source({.name = name, .directory = parent_of(path)});
  ++num_files_;
  auto root = parse_yaml(text, source, diagnostics_);
  if (!root.has_value()) return std::nullopt;
  nest_environments(*root);
  auto include = take_entry(*root, "include");
  if (!include.has_value()) return root;
  open_.push_back({name, path});
  YamlNode below;
  bool is_whole = true;
  for (YamlNode& item : items_of(std::move(*include))) {
    auto layer = read_included(item);
    if (layer.has_value()) merge(below, std::move(*layer));
    is_whole = is_whole && layer.has_value();
  }
  open_.pop_back();
  if (!is_whole) return std::nullopt;
  merge(below, std::move(*root));
  return below;
}

void FileReader::nest_environments(YamlNode& root) {
  nest_environment(root, diagnostics_);
  for (YamlNode& section : root.children) {
    if (section.key != "profiles") continue;
    for (YamlNode& profile : section.children) nest_environment(profile, diagnostics_);
  }
}

std::optional<YamlNode> FileReader::read_included(YamlNode& item) {
  item.key = "include";
  if (item.kind != YamlNode::Kind::kScalar || item.text.empty()) {
    refuse(item, concat("must be a job file or a list of them, but has ", describe_node(item),
                        "; write include: [base.yaml]"));
    return std::nullopt;
  }
  // Which variables are secrets is known when all layers are there: until then nothing may show what a macro stands for.
  const YamlNode& written = includes_.emplace_back(item);
  if (!expand_macros(item, variables_, {}, diagnostics_)) return std::nullopt;
  const std::string shown = item.macros.empty() ? item.text : written.text;
  const std::string path = absolute_path(item.text, parent_of(open_.back().path));
  if (!may_include(item, path)) return std::nullopt;
  const Result<std::string> text = read_job_text(path);
  if (!text.ok()) {
    refuse(item, concat("names '", shown, "', which ", text.error().message()));
    return std::nullopt;
  }
  auto layer = read(*text, name_of(item, shown), path);
  if (layer.has_value() && layer->kind != YamlNode::Kind::kMap) {
    diagnostics_.error(layer->mark, concat("an included job must be a map of keys and values, but is ",
                                           layer->kind == YamlNode::Kind::kNull ? "empty" : describe_node(*layer),
                                           "; see docs/job-file.md"));
    return std::nullopt;
  }
  return layer;
}

/// How messages call an included file.
std::string FileReader::name_of(const YamlNode& item, const std::string& shown) const {
  const bool has_macros = !item.macros.empty();
  if (has_macros && item.text.starts_with('/')) return shown;
  const std::filesystem::path name = std::filesystem::path(parent_of(open_.back().name)) / shown;
  return has_macros ? name.string() : name.lexically_normal().string();
}

bool FileReader::may_include(const YamlNode& item, const std::string& path) {
  const auto is_same = [&](const OpenFile& file) { return file.path == path; };
  const auto first = std::find_if(open_.begin(), open_.end(), is_same);
  if (first != open_.end()) {
    std::string chain;
    for (auto file = first; file != open_.end(); ++file) chain += concat(file->name, " includes ");
    return refuse(item, concat("must not lead back to a file that includes it, but ", chain, first->name,
                               "; remove one of these includes"));
  }
  if (open_.size() >= kMaxIncludeDepth) {
    return refuse(item, concat("must be nested at most ", kMaxIncludeDepth, " deep, but is deeper; make it flatter"));
  }
  if (num_files_ >= kMaxIncludedFiles) {
    return refuse(item, concat("must lead to at most ", kMaxIncludedFiles, " files, but leads to more; include fewer"));
  }
  return true;
}

/// Returns whether `profile` is a part of a job that may be laid over it.
bool check_profile(const YamlNode& profile, Diagnostics& diagnostics) {
  if (profile.kind != YamlNode::Kind::kMap) {
    diagnostics.error(profile.mark, concat("'profiles.", profile.key, "' must be a map of keys and values, but is ",
                                           describe_node(profile), "; write it as a part of a job"));
    return false;
  }
  bool is_good = true;
  for (const YamlNode& entry : profile.children) {
    if (entry.key != "include" && entry.key != "profiles") continue;
    diagnostics.error(entry.key_mark,
                      concat("'", entry.key, "' must stand at the top of a file, but stands in profile '", profile.key,
                             "'; move it there"));
    is_good = false;
  }
  return is_good;
}

void choose_profile(YamlNode& root, std::vector<YamlNode>& profiles, const std::vector<std::string>& names,
                    const std::string& chosen, Diagnostics& diagnostics) {
  for (YamlNode& profile : profiles) {
    if (profile.key != chosen) continue;
    const SourceMark mark = root.mark;
    merge(root, std::move(profile));
    root.mark = mark;
    return;
  }
  const int source = diagnostics.add_source({.name = "--profile", .kind = SourceKind::kFlag});
  const auto nearest = nearest_name(chosen, names);
  diagnostics.error({.source = source},
                    names.empty() ? concat("must name a profile of the job, but is '", chosen,
                                           "' and the job has none; leave it out or add 'profiles:' to the job")
                                  : concat("must be one of ", list_of_names(names), ", but is '", chosen, "'; ",
                                           nearest ? concat("did you mean '", *nearest, "'?") : "choose one of these"));
}

void apply_profiles(LayeredJob& job, const std::string& chosen, Diagnostics& diagnostics) {
  auto section = take_entry(job.root, "profiles");
  std::vector<YamlNode> good;
  if (section.has_value() && section->kind != YamlNode::Kind::kNull) {
    if (section->kind != YamlNode::Kind::kMap) {
      diagnostics.error(section->mark, concat("'profiles' must be a map of names and parts of a job, but is ",
                                              describe_node(*section), "; write laptop: {fabric: {devices: 2}}"));
      return;
    }
    for (YamlNode& profile : section->children) {
      job.profiles.push_back(profile.key);
      if (check_profile(profile, diagnostics)) good.push_back(std::move(profile));
    }
    if (good.size() < section->children.size()) return;
  }
  if (!chosen.empty()) choose_profile(job.root, good, job.profiles, chosen, diagnostics);
}

void collect_scalars(const YamlNode& node, std::vector<const YamlNode*>& scalars) {
  if (node.kind == YamlNode::Kind::kScalar) scalars.push_back(&node);
  for (const YamlNode& child : node.children) collect_scalars(child, scalars);
}

/// Returns the names in `env.secret`, whatever else may be wrong there; nullopt if they cannot be known.
std::optional<std::vector<std::string>> secrets_of(const YamlNode& root, Diagnostics& diagnostics) {
  const YamlNode* const env = root.find("env");
  const YamlNode* const secret = env != nullptr ? env->find("secret") : nullptr;
  std::vector<const YamlNode*> items;
  if (secret != nullptr) collect_scalars(*secret, items);
  std::vector<std::string> names;
  bool are_known = true;
  for (const YamlNode* item : items) {
    names.push_back(item->text);
    if (item->text.find("${") == std::string::npos) continue;
    are_known = false;
    diagnostics.error(item->mark, concat("'env.secret' must list names without macros, but has '", item->text,
                                         "'; write the variable's name itself"));
  }
  return are_known ? std::optional(names) : std::nullopt;
}

}  // namespace

std::optional<LayeredJob> read_layers(std::string_view text, const std::string& name, const std::string& path,
                                      const JobInputs& inputs, Diagnostics& diagnostics) {
  FileReader files(inputs.variables, diagnostics);
  auto root = files.read(text, name, path);
  if (!root.has_value()) return std::nullopt;
  LayeredJob job{.root = std::move(*root)};
  apply_profiles(job, inputs.profile, diagnostics);
  apply_overrides(job.root, inputs.overrides, parent_of(path), diagnostics);
  const auto secrets = secrets_of(job.root, diagnostics);
  if (!secrets.has_value()) return std::nullopt;  // any macro could be one
  for (YamlNode& include : files.includes()) expand_macros(include, inputs.variables, *secrets, diagnostics);
  expand_macros(job.root, inputs.variables, *secrets, diagnostics);
  apply_lightning_variables(job.root, inputs.variables, *secrets, diagnostics);
  return job;
}

}  // namespace fabric::job
