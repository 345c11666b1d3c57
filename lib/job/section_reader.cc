#include "job/section_reader.h"

#include <algorithm>
#include <filesystem>

#include "job/job_keys.h"
#include "job/nearest_name.h"
#include "job/scalar.h"

namespace fabric::job {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Where a key belongs that people put elsewhere; empty if nowhere, or at the top.
std::string_view home_of(std::string_view name) {
  if (find_job_key(name) != nullptr) return {};
  for (const JobKey& key : job_keys()) {
    const std::string_view section = section_of(key);
    if (!section.empty() && section != "env" && name_in_section(key) == name) return section;
  }
  return {};
}

}  // namespace

SectionReader::SectionReader(const YamlNode& map, std::string path, Diagnostics& diagnostics)
    : map_(map), path_(std::move(path)), diagnostics_(diagnostics) {
  if (map.kind == YamlNode::Kind::kMap || (map.kind == YamlNode::Kind::kNull && !path_.empty())) return;
  const std::string name = path_.empty() ? "a job" : concat('\'', path_, '\'');
  diagnostics_.error(map.mark, concat(name, " must be a map of keys and values, but is ",
                                      path_.empty() && map.kind == YamlNode::Kind::kNull ? "empty" : describe_node(map),
                                      "; see docs/job-file.md"));
}

std::string SectionReader::full_name(std::string_view key) const {
  return path_.empty() ? std::string(key) : concat(path_, '.', key);
}

const YamlNode* SectionReader::take(std::string_view key) {
  if (!contains(known_, key)) known_.emplace_back(key);
  return map_.find(key);
}

void SectionReader::error(const YamlNode& node, std::string_view message, const YamlNode& place) {
  diagnostics_.error(place.mark, concat('\'', full_name(node.key), "' ", message));
}

std::optional<std::string> SectionReader::text(std::string_view key) {
  const YamlNode* node = take(key);
  if (node == nullptr) return std::nullopt;
  if (node->kind == YamlNode::Kind::kScalar) {
    const auto value = read_scalar(*node);
    if (value.ok() && std::holds_alternative<std::string>(*value)) {
      if (!node->text.empty()) return node->text;
      error(*node, "must not be empty, but is; write a value or remove the key");
      return std::nullopt;
    }
    error(*node, concat("must be text, but is ", describe_node(*node), "; quote it: \"", node->text, '"'));
    return std::nullopt;
  }
  error(*node, concat("must be text, but is ", describe_node(*node), "; write a value or remove the key"));
  return std::nullopt;
}

std::optional<int64_t> SectionReader::read_integer(std::string_view key, int64_t least, int64_t most,
                                                   const NumberWord* word) {
  const YamlNode* node = take(key);
  if (node == nullptr) return std::nullopt;
  const char* advice = "; write it in plain decimal digits";
  if (node->kind == YamlNode::Kind::kScalar) {
    if (word != nullptr && node->text == word->word) return word->value;
    const auto value = read_scalar(*node);
    const auto* number = value.ok() ? std::get_if<int64_t>(&*value) : nullptr;
    if (number != nullptr && *number >= least && *number <= most) return *number;
    if (number != nullptr) advice = *number < least ? "; raise it" : "; lower it";
  }
  error(*node, concat("must be an integer from ", least, " to ", most, word != nullptr ? ", or " : "",
                      word != nullptr ? word->word : "", ", but is ", describe_node(*node), advice));
  return std::nullopt;
}

std::optional<int> SectionReader::integer(std::string_view key, int64_t least, int64_t most) {
  const auto value = read_integer(key, least, most, nullptr);
  return value.has_value() ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<int64_t> SectionReader::integer_or(std::string_view key, int64_t least, int64_t most,
                                                 const NumberWord& word) {
  return read_integer(key, least, most, &word);
}

std::optional<int64_t> SectionReader::size_or(std::string_view key, int64_t least, const NumberWord& word) {
  const YamlNode* node = take(key);
  if (node == nullptr) return std::nullopt;
  const bool is_scalar = node->kind == YamlNode::Kind::kScalar;
  if (is_scalar && node->text == word.word) return word.value;
  const Result<int64_t> value =
      is_scalar
          ? parse_size(node->text)
          : invalid_argument(concat("must be a size, but is ", describe_node(*node), "; write 64KiB, 500MB or 1.5GiB"));
  if (!value.ok()) {
    error(*node, concat(value.error().message(), ", or ", word.word));
  } else if (*value < least) {
    error(*node,
          concat("must be at least ", least, "B, but is ", node->text, "; make it larger, or write ", word.word));
  } else {
    return *value;
  }
  return std::nullopt;
}

std::optional<size_t> SectionReader::index_of_word(std::string_view key, const std::vector<std::string>& words) {
  const auto word = text(key);
  if (!word.has_value()) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *word);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  const auto nearest = nearest_name(*word, words);
  error(*take(key), concat("must be one of ", list_of_names(words), ", but is '", *word, "'; ",
                           nearest ? concat("did you mean '", *nearest, "'?") : concat("write ", words.front())));
  return std::nullopt;
}

std::optional<bool> SectionReader::boolean(std::string_view key) {
  const YamlNode* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->kind == YamlNode::Kind::kScalar ? read_scalar(*node) : invalid_argument("no scalar");
  const auto* const boolean = value.ok() ? std::get_if<bool>(&*value) : nullptr;
  if (boolean != nullptr) return *boolean;
  error(*node, concat("must be true or false, but is ", describe_node(*node), "; write one of them without quotes"));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> SectionReader::duration_or(std::string_view key,
                                                                    std::chrono::milliseconds least,
                                                                    std::string_view word) {
  const YamlNode* node = take(key);
  if (node != nullptr && node->kind == YamlNode::Kind::kScalar && node->text == word) return std::nullopt;
  return read_duration(key, least, concat(", or ", word));
}

std::optional<std::chrono::milliseconds> SectionReader::duration(std::string_view key,
                                                                 std::chrono::milliseconds least) {
  return read_duration(key, least, "");
}

std::optional<std::chrono::milliseconds> SectionReader::read_duration(std::string_view key,
                                                                      std::chrono::milliseconds least,
                                                                      const std::string& or_word) {
  const YamlNode* node = take(key);
  if (node == nullptr) return std::nullopt;
  if (node->kind != YamlNode::Kind::kScalar) {
    error(*node, concat("must be a duration, but is ", describe_node(*node), "; write 200ms, 1.2s, 5m or 2h", or_word));
    return std::nullopt;
  }
  const auto value = parse_duration(node->text);
  if (!value.ok()) {
    error(*node, value.error().message() + or_word);
  } else if (*value < least) {
    error(*node, concat("must be at least ", least.count(), "ms, but is ", node->text, "; make it longer", or_word));
  } else {
    return *value;
  }
  return std::nullopt;
}

std::optional<std::string> SectionReader::path(std::string_view key, const std::string& directory) {
  const auto value = text(key);
  if (!value.has_value()) return std::nullopt;
  return absolute_path(*value, directory.empty() ? diagnostics_.source(take(key)->mark).directory : directory);
}

void SectionReader::refuse(std::string_view key, std::string_view message) {
  refused_.emplace_back(key);
  if (const YamlNode* node = map_.find(key)) {
    diagnostics_.error(node->key_mark, concat('\'', full_name(key), "' ", message));
  }
}

void SectionReader::finish() {
  if (map_.kind != YamlNode::Kind::kMap) return;
  for (const YamlNode& entry : map_.children) {
    if (contains(known_, entry.key) || contains(refused_, entry.key)) continue;
    std::string advice;
    const std::string_view home = home_of(entry.key);
    if (!home.empty() && home != path_) {
      advice = concat("it belongs under '", home, ":'");
    } else if (const auto nearest = nearest_name(entry.key, known_)) {
      advice = concat("did you mean '", *nearest, "'?");
    } else {
      advice = "remove it";
    }
    diagnostics_.error(entry.key_mark,
                       concat(path_.empty() ? std::string("keys of a job") : concat("keys under '", path_, ":'"),
                              " must be ", list_of_names(known_), ", but one is '", entry.key, "'; ", advice));
  }
}

std::string absolute_path(const std::string& path, const std::string& directory) {
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

}  // namespace fabric::job
