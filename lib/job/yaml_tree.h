#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/diagnostics.h"

namespace fabric::job {

/// A YAML value as it was written: nothing is converted, every value knows its place. Aliases are expanded.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  SourceMark mark{};
  std::string key{};       ///< where the node is an entry of a map: its key, unique in the map
  SourceMark key_mark{};   ///< where the key stands
  std::string text{};      ///< of a scalar
  bool is_quoted = false;  ///< of a scalar: in quotes or a block, so that it is text whatever it looks like
  std::string macros{};    ///< of a scalar: the macros that were put into its text, "${env:HOME}"
  std::vector<YamlNode> children{};

  /// Returns the entry of a map, or null if there is none.
  const YamlNode* find(std::string_view name) const;
};

/// Most values (aliases counted as often as they are used), and deepest nesting, that a text may have.
inline constexpr size_t kMaxYamlNodes = 10'000;
inline constexpr size_t kMaxYamlDepth = 16;

/// Reads `text` (UTF-8, one YAML document) as source number `source`. Notes an error and returns nullopt if it is not
/// YAML, repeats a key, uses tags, keys that are not text, tabs or control characters, or goes beyond the limits. An
/// empty document is a null node. Aliases of anchors are expanded within the limits.
std::optional<YamlNode> parse_yaml(std::string_view text, int source, Diagnostics& diagnostics);

}  // namespace fabric::job
