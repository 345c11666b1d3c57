#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "job/diagnostics.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// A word that may stand where a number is wanted, and the number that it stands for.
struct NumberWord {
  std::string_view word;
  int64_t value = 0;
};

/// Reads the entries of one map by type. Whatever is wrong is noted with its place and reads as absent. Every key that was
/// asked for is known; finish() refuses the others.
class SectionReader {
 public:
  /// `map` and `diagnostics` are borrowed. `path` is the section's name in messages: "fabric", or "" for the top. A null
  /// node reads as an empty section; another kind is an error.
  SectionReader(const YamlNode& map, std::string path, Diagnostics& diagnostics);

  /// Returns the entry, or null if there is none.
  const YamlNode* take(std::string_view key);
  /// Returns the text of a scalar that is text, quoted or not.
  std::optional<std::string> text(std::string_view key);
  /// Returns an integer of least .. most.
  std::optional<int> integer(std::string_view key, int64_t least, int64_t most = 1'000'000);
  /// Returns an integer of least .. most, or what `word` stands for.
  std::optional<int64_t> integer_or(std::string_view key, int64_t least, int64_t most, const NumberWord& word);
  /// Returns a size in bytes of at least `least`, or what `word` stands for.
  std::optional<int64_t> size_or(std::string_view key, int64_t least, const NumberWord& word);
  /// Returns what the entry's word stands for; `words` are pairs of word and value.
  template <class Words>
  auto choice(std::string_view key, const Words& words) -> std::optional<decltype(words.begin()->second)> {
    std::vector<std::string> known;
    for (const auto& [word, value] : words) known.emplace_back(word);
    const auto index = index_of_word(key, known);
    if (!index.has_value()) return std::nullopt;
    return words[*index].second;
  }
  /// Returns true or false.
  std::optional<bool> boolean(std::string_view key);
  /// Returns a duration of at least `least`.
  std::optional<std::chrono::milliseconds> duration(std::string_view key, std::chrono::milliseconds least);
  /// Returns a duration of at least `least`, or nothing for `word`.
  std::optional<std::chrono::milliseconds> duration_or(std::string_view key, std::chrono::milliseconds least,
                                                       std::string_view word);
  /// Returns a path, made absolute with `directory`, or if that is empty with the directory of the file that it stands in.
  std::optional<std::string> path(std::string_view key, const std::string& directory);
  /// Notes `message` if there is such an entry; it is not listed among the keys that are known.
  void refuse(std::string_view key, std::string_view message);
  /// Refuses every entry that was not asked for, naming the nearest known key.
  void finish();

  /// Notes an error at the value of `node`: "'fabric.devices' <message>".
  void error(const YamlNode& node, std::string_view message) { error(node, message, node); }
  /// Does so at the value of `place`, an item of `node`.
  void error(const YamlNode& node, std::string_view message, const YamlNode& place);
  Diagnostics& diagnostics() { return diagnostics_; }

 private:
  std::optional<int64_t> read_integer(std::string_view key, int64_t least, int64_t most, const NumberWord* word);
  /// `or_word` goes on with the advice: ", or never".
  std::optional<std::chrono::milliseconds> read_duration(std::string_view key, std::chrono::milliseconds least,
                                                         const std::string& or_word);
  std::optional<size_t> index_of_word(std::string_view key, const std::vector<std::string>& words);
  std::string full_name(std::string_view key) const;

  const YamlNode& map_;
  std::string path_;
  Diagnostics& diagnostics_;
  std::vector<std::string> known_;
  std::vector<std::string> refused_;
};

/// Returns `path` itself if it is absolute, else `directory`/`path`; "." and ".." are taken out without looking at the disk.
std::string absolute_path(const std::string& path, const std::string& directory);

}  // namespace fabric::job
