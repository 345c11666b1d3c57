#include "runtime/checkpoint/safetensors_checkpoint_io.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/checkpoint/atomic_file.h"
#include "runtime/checkpoint/safetensors_tree.h"

namespace fabric {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

std::string header_of(const FlatValue& flat) {
  ordered_json header;
  header["__metadata__"] = {{"format", "pt"}, {kTreeKey, flat.tree}};
  uint64_t offset = 0;
  for (const auto& [name, tensor] : flat.tensors) {
    const uint64_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", safetensors_dtype(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begin aligned
  return text;
}

Value load_file(const std::string& path, Verify verify) {
  const auto file = SafetensorsFile::open(path);
  if (file->metadata().count(kTreeKey) != 0) return unflatten(file, verify);
  Dict dict;
  for (const SafetensorsFile::Entry& entry : file->entries()) dict.emplace_back(entry.name, file->tensor(entry));
  return dict;
}

/// Returns which file holds which tensor, in the order of the index.
std::vector<std::pair<std::string, std::string>> read_index(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw UsageError(concat("cannot open checkpoint '", path, "': ", std::strerror(errno)));
  const ordered_json index = ordered_json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw SystemError(
        concat("checkpoint '", path, "' is damaged: it must be a JSON object with 'weight_map', but is none"));
  }
  std::vector<std::pair<std::string, std::string>> parts;
  for (const auto& [name, part] : index["weight_map"].items()) {
    const std::string file = part.is_string() ? part.get<std::string>() : "";
    if (file.empty() || file.find('/') != std::string::npos || file == "..") {
      throw UsageError(concat("checkpoint '", path, "': the part of tensor '", name,
                              "' must be the name of a file beside it, but is ", part.dump()));
    }
    parts.emplace_back(name, file);
  }
  return parts;
}

Value load_parts(const std::string& path) {
  std::map<std::string, std::shared_ptr<const SafetensorsFile>> files;
  Dict dict;
  for (const auto& [name, part] : read_index(path)) {
    auto& file = files[part];
    if (file == nullptr) file = SafetensorsFile::open((fs::path(path).parent_path() / part).string());
    dict.emplace_back(name, file->tensor(file->entry(name)));
  }
  return dict;
}

}  // namespace

void SafetensorsCheckpointIO::save(const Value& checkpoint, const std::string& path) {
  const FlatValue flat = flatten(checkpoint);
  const std::string header = header_of(flat);
  const uint64_t header_size = header.size();
  uint64_t total = 8 + header_size;
  for (const auto& [name, tensor] : flat.tensors) total += tensor.nbytes();
  AtomicFile file(path);
  file.expect(total);
  file.write(&header_size, sizeof header_size);
  file.write(header.data(), header.size());
  for (const auto& [name, tensor] : flat.tensors) file.write(tensor.data_ptr(), tensor.nbytes());
  file.commit();
}

Value SafetensorsCheckpointIO::load(const std::string& path, Verify verify) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    const fs::path directory = path;
    if (fs::exists(directory / kIndexName, ignored)) return load_parts((directory / kIndexName).string());
    if (fs::exists(directory / kSingleName, ignored)) return load_file((directory / kSingleName).string(), verify);
    throw UsageError(concat("checkpoint '", path, "' must be a file of safetensors, or a directory with ", kSingleName,
                            " or ", kIndexName, ", but has neither"));
  }
  if (path.ends_with(".index.json")) return load_parts(path);
  return load_file(path, verify);
}

void SafetensorsCheckpointIO::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw SystemError(concat("cannot remove checkpoint '", path, "': ", std::strerror(errno)));
}

}  // namespace fabric
