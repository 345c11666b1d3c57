#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fabric/export.h"

namespace fabric {

/// The program's own arguments: what stands under `args:` in the job, or on the command line of a plain executable. All are
/// kept as text and read by type.
class FABRIC_API Arguments {
 public:
  /// `base_directory` is what relative paths among them refer to.
  Arguments(std::map<std::string, std::string> values, std::string base_directory)
      : values_(std::move(values)), base_directory_(std::move(base_directory)) {}

  bool has(std::string_view key) const;
  /// Returns the argument as T: std::string, bool, int, int64_t, size_t, float or double. Lists and maps of the job are
  /// had as JSON text. Throws UsageError if it is not there, or is no T.
  template <class T = std::string>
  T get(std::string_view key) const {
    T value{};
    read(key, text(key), value);
    return value;
  }
  /// As get(), but returns `otherwise` if it is not there.
  template <class T>
  T get(std::string_view key, T otherwise) const {
    if (has(key)) read(key, text(key), otherwise);
    return otherwise;
  }
  std::string get(std::string_view key, const char* otherwise) const { return get(key, std::string(otherwise)); }
  /// Returns the argument as an absolute path; a relative one refers to the directory of the job file.
  std::string path(std::string_view key) const;

 private:
  const std::string& text(std::string_view key) const;
  static void read(std::string_view key, const std::string& text, std::string& value);
  static void read(std::string_view key, const std::string& text, bool& value);
  static void read(std::string_view key, const std::string& text, int& value);
  static void read(std::string_view key, const std::string& text, int64_t& value);
  static void read(std::string_view key, const std::string& text, size_t& value);
  static void read(std::string_view key, const std::string& text, float& value);
  static void read(std::string_view key, const std::string& text, double& value);

  std::map<std::string, std::string> values_;
  std::string base_directory_;
};

}  // namespace fabric
