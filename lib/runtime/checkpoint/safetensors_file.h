#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/checkpoint/mapped_file.h"

namespace fabric {

/// Returns what safetensors calls a dtype; empty if it has none for it.
std::string_view safetensors_dtype(at::ScalarType dtype);

/// A mapped file of safetensors: its header, checked against the file, and tensors that lie in the mapping.
class SafetensorsFile : public std::enable_shared_from_this<SafetensorsFile> {
 public:
  struct Entry {
    std::string name;
    at::ScalarType dtype;
    std::vector<int64_t> sizes;
    uint64_t begin;  ///< offset in the file
    uint64_t bytes;
  };

  /// Throws UsageError if `path` is not there or is no such file, SystemError if it cannot be read or is damaged.
  static std::shared_ptr<const SafetensorsFile> open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  /// In the order of the data.
  const std::vector<Entry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Throws SystemError if there is no such tensor.
  const Entry& entry(const std::string& name) const;
  std::string_view bytes(const Entry& entry) const { return file_.bytes().substr(entry.begin, entry.bytes); }
  /// Returns the tensor, contiguous; it keeps the file mapped.
  at::Tensor tensor(const Entry& entry) const;
  [[noreturn]] void damaged(const std::string& what) const;

 private:
  explicit SafetensorsFile(const std::string& path) : file_(path) {}
  void read_header();
  void check_that_entries_fill(uint64_t begin);

  MappedFile file_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t> places_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace fabric
