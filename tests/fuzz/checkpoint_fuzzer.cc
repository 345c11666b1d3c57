// libFuzzer's target for the readers of checkpoints (scripts/fuzz): any bytes are refused by an error of Fabric, or are a value
// that can be written and read back the same. An input is an archive of torch.save, a file of safetensors, or a bare pickle.

#include <ATen/core/Tensor.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "core/concat.h"
#include "core/unique_fd.h"
#include "fabric/error.h"
#include "runtime/checkpoint/safetensors_checkpoint_io.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"
#include "runtime/checkpoint/unpickler.h"
#include "runtime/checkpoint/value_pickler.h"

namespace {

using namespace fabric;

constexpr uint64_t kMostStorageBytes = 1 << 20;
constexpr int64_t kMostElements = 1 << 16;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// Gives out storages of zeros, of any size within bounds.
class Storages {
 public:
  LoadedStorage load(const std::string& key, uint64_t bytes) {
    if (bytes > kMostStorageBytes) throw SystemError("too large");
    LoadedStorage& loaded = storages_[key];
    if (!loaded.storage) {
      c10::Allocator* const allocator = c10::GetCPUAllocator();
      loaded.storage =
          c10::Storage(c10::Storage::use_byte_size_t(), bytes, allocator->allocate(bytes), allocator, true);
      std::memset(loaded.storage.mutable_data(), 0, bytes);
    }
    if (loaded.storage.nbytes() != bytes) throw SystemError("of another size");
    return loaded;
  }

 private:
  std::map<std::string, LoadedStorage> storages_;
};

Value unpickle_any(std::string_view bytes) {
  Storages storages;
  return unpickle(
      bytes, [&](const std::string& key, uint64_t size) { return storages.load(key, size); }, "input");
}

/// Reads all memory that tensors name.
void touch(const Value& value) {
  if (value.is_tensor() && value.to_tensor().numel() <= kMostElements) value.to_tensor().clone();
  if (value.is_list()) {
    for (const Value& item : value.to_list()) touch(item);
  }
  if (value.is_dict()) {
    for (const auto& [key, item] : value.to_dict()) touch(item);
  }
}

void check_pickle(std::string_view bytes) {
  const Value value = unpickle_any(bytes);
  touch(value);
  const std::string written = pickle_value(value).bytes;
  if (pickle_value(unpickle_any(written)).bytes != written) fail("what was written must read back to the same");
}

/// A file in memory with the input.
std::string file_of(const uint8_t* data, size_t size) {
  static const UniqueFd kFile(::memfd_create("input", MFD_CLOEXEC));
  if (::ftruncate(kFile.get(), 0) != 0 || ::pwrite(kFile.get(), data, size, 0) != static_cast<ssize_t>(size))
    fail("no memory");
  return concat("/proc/self/fd/", kFile.get());
}

void check_input(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with("PK")) {
    touch(TorchCheckpointIO().load(file_of(data, size), Verify::kFull));
    touch(TorchCheckpointIO().load(file_of(data, size), Verify::kFirstTouch));
  } else if (size > 8 && bytes[8] == '{') {
    touch(SafetensorsCheckpointIO().load(file_of(data, size), Verify::kFirstTouch));
  } else {
    check_pickle(bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    check_input(data, size);
  } catch (const Error&) {
    // Refused, as it must be; any other exception ends the fuzzer.
  }
  return 0;
}
