#include "runtime/checkpoint/safetensors_file.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/checkpoint/mapped_storage.h"

namespace fabric {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the limit of the format

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 17> kDtypes = {{
    {"BOOL", at::kBool},
    {"U8", at::kByte},
    {"I8", at::kChar},
    {"I16", at::kShort},
    {"U16", at::kUInt16},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I32", at::kInt},
    {"U32", at::kUInt32},
    {"F32", at::kFloat},
    {"F64", at::kDouble},
    {"I64", at::kLong},
    {"U64", at::kUInt64},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"C64", at::kComplexFloat},
}};

at::ScalarType dtype_of(const std::string& name) {
  for (const auto& [known, dtype] : kDtypes) {
    if (known == name) return dtype;
  }
  throw UsageError(concat("the dtype '", name, "' of safetensors cannot be read"));
}

/// Reads one tensor's description; its offsets count from the end of the header.
SafetensorsFile::Entry read_entry(const std::string& name, const ordered_json& json) {
  SafetensorsFile::Entry entry{name, dtype_of(json.at("dtype").get<std::string>()), {}, 0, 0};
  uint64_t bytes = c10::elementSize(entry.dtype);
  for (const ordered_json& size : json.at("shape")) {
    entry.sizes.push_back(static_cast<int64_t>(size.get<uint64_t>()));
    if (entry.sizes.back() < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(entry.sizes.back()), &bytes)) {
      throw SystemError("its shape is out of bounds");
    }
  }
  const ordered_json& offsets = json.at("data_offsets");
  entry.begin = offsets.at(0).get<uint64_t>();
  const auto end = offsets.at(1).get<uint64_t>();
  if (offsets.size() != 2 || end < entry.begin || end - entry.begin != bytes) {
    throw SystemError(concat("its offsets must be ", bytes, " bytes apart, as its shape and dtype need"));
  }
  entry.bytes = bytes;
  return entry;
}

}  // namespace

std::string_view safetensors_dtype(at::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes) {
    if (known == dtype) return name;
  }
  return {};
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile(path));
  file->read_header();
  return file;
}

void SafetensorsFile::read_header() {
  const std::string_view all = file_.bytes();
  uint64_t size = 0;
  if (all.size() >= 8) std::memcpy(&size, all.data(), sizeof size);
  // Anything else that is a file has another ninth byte, or a size beyond all bounds.
  if (all.size() < 9 || size > kMostHeaderBytes || all[8] != '{') {
    throw UsageError(
        concat("checkpoint must be a file of safetensors, but '", path(), "' (", all.size(), " bytes) is none"));
  }
  if (size > all.size() - 8) damaged(concat("its header must have ", size, " bytes, but it is cut short"));
  const ordered_json header = ordered_json::parse(all.substr(8, size), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) damaged("its header, from byte 8 on, is no JSON object");
  for (const auto& [name, json] : header.items()) {
    try {
      if (name == "__metadata__") {
        metadata_ = json.get<std::map<std::string, std::string>>();
      } else {
        entries_.push_back(read_entry(name, json));
        entries_.back().begin += 8 + size;
      }
    } catch (const UsageError& error) {
      throw UsageError(concat("checkpoint '", path(), "', tensor '", name, "': ", error.what()));
    } catch (const SystemError& error) {
      damaged(concat("tensor '", name, "' of its header: ", error.what()));
    } catch (const nlohmann::json::exception& error) {
      damaged(concat("tensor '", name, "' of its header is described in another way: ", error.what()));
    }
  }
  check_that_entries_fill(8 + size);
}

void SafetensorsFile::check_that_entries_fill(uint64_t begin) {
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].begin != begin)
      damaged(concat("tensor '", entries_[i].name, "' must begin at byte ", begin, ", but does not"));
    if (entries_[i].bytes > file_.bytes().size() - begin) {
      damaged(concat("tensor '", entries_[i].name, "' ends beyond the file; it was cut short"));
    }
    begin += entries_[i].bytes;
    places_[entries_[i].name] = i;
  }
  if (begin != file_.bytes().size()) damaged(concat("the bytes from ", begin, " on belong to no tensor"));
}

const SafetensorsFile::Entry& SafetensorsFile::entry(const std::string& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) damaged(concat("tensor '", name, "' is missing"));
  return entries_[found->second];
}

at::Tensor SafetensorsFile::tensor(const Entry& entry) const {
  const c10::Storage storage = mapped_storage(shared_from_this(), file_.at(entry.begin), entry.bytes);
  std::vector<int64_t> strides(entry.sizes.size(), 1);
  for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(entry.sizes[i], 1);
  return at::empty({0}, at::TensorOptions(entry.dtype)).set_(storage, 0, entry.sizes, strides);
}

void SafetensorsFile::damaged(const std::string& what) const {
  throw SystemError(concat("checkpoint '", path(), "' is damaged: ", what, "; load another one"));
}

}  // namespace fabric
