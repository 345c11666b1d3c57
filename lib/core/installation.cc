#include "core/installation.h"

#include <filesystem>
#include <system_error>

namespace fabric {
namespace {

std::filesystem::path own_directory() {
  std::error_code ignored;  // without /proc nothing of Fabric works, and what is looked for is not found
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

}  // namespace

std::string program_beside_this(std::string_view name) { return (own_directory() / name).string(); }

std::string runtime_library() { return (own_directory().parent_path() / "lib" / "libfabric_runtime.so").string(); }

}  // namespace fabric
