#include "fabric/checkpoint_io.h"

#include <chrono>
#include <filesystem>
#include <system_error>

#include "core/concat.h"
#include "fabric/error.h"
#include "fabric/registry.h"
#include "runtime/checkpoint/safetensors_checkpoint_io.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"

namespace fabric {

CheckpointIO::~CheckpointIO() = default;

// Files that are being written are hidden: see AtomicFile.
std::vector<StoredCheckpoint> CheckpointIO::list(const std::string& directory) {
  namespace fs = std::filesystem;
  std::vector<StoredCheckpoint> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    const bool is_link = entry->is_symlink(gone);
    const auto written = fs::last_write_time(entry->path(), gone);
    if (gone || is_link || entry->path().filename().string().starts_with('.')) continue;
    const auto since_1970 = std::chrono::file_clock::to_sys(written).time_since_epoch();
    found.push_back({entry->path().string(), std::chrono::duration<double>(since_1970).count()});
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw SystemError(concat("cannot list the checkpoints in '", directory, "': ", error.message()));
  }
  return found;
}

void add_builtin_checkpoint_ios(CheckpointIORegistry& registry) {
  registry.add({.name = "torch",
                .description = "one file that Python's torch.load reads",
                .why_unavailable = [] { return std::nullopt; },
                .create = [] { return std::make_unique<TorchCheckpointIO>(); }});
  registry.add({.name = "safetensors",
                .description = "one file that the libraries of safetensors read",
                .why_unavailable = [] { return std::nullopt; },
                .create = [] { return std::make_unique<SafetensorsCheckpointIO>(); }});
}

}  // namespace fabric
