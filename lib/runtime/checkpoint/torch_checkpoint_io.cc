#include "runtime/checkpoint/torch_checkpoint_io.h"

#include <c10/core/CPUAllocator.h>
#include <caffe2/serialize/inline_container.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "core/concat.h"
#include "runtime/checkpoint/atomic_file.h"
#include "runtime/checkpoint/unpickler.h"
#include "runtime/checkpoint/value_pickler.h"
#include "runtime/checkpoint/zip_reader.h"

namespace fabric {
namespace {

/// Reads each storage of an archive once.
class StorageCache {
 public:
  StorageCache(ZipReader& archive, const std::string& path) : archive_(archive), path_(path) {}

  c10::Storage load(const std::string& key, uint64_t bytes) {
    const auto found = storages_.find(key);
    const uint64_t actual = found != storages_.end() ? found->second.nbytes() : archive_.size("data/" + key);
    if (actual != bytes) {
      throw SystemError(concat("checkpoint '", path_, "' is damaged: record 'data/", key, "' must have ", bytes,
                               " bytes, but has ", actual));
    }
    if (found != storages_.end()) return found->second;
    c10::Allocator* allocator = c10::GetCPUAllocator();
    c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, allocator->allocate(bytes), allocator, true);
    archive_.read("data/" + key, storage.mutable_data());
    return storages_.emplace(key, std::move(storage)).first->second;
  }

 private:
  ZipReader& archive_;
  const std::string& path_;
  std::unordered_map<std::string, c10::Storage> storages_;
};

void check_kind(ZipReader& archive, const std::string& path) {
  if (!archive.has("data.pkl") || archive.has("constants.pkl")) {
    throw UsageError(concat("checkpoint must be a file of torch.save, but '", path, "' is ",
                            archive.has("constants.pkl") ? "a TorchScript module" : "an archive of another kind"));
  }
  if (archive.has("byteorder") && archive.read_text("byteorder") != "little") {
    throw UsageError(concat("checkpoint '", path, "' must be of a little-endian machine, but is of a big-endian one"));
  }
}

}  // namespace

void TorchCheckpointIO::save(const Value& checkpoint, const std::string& path) {
  const PickledValue pickled = pickle_value(checkpoint);
  AtomicFile file(path);
  {
    // Always "written": the writer's destructor throws, and ends the process, once a write has failed (LibTorch 2.11,
    // ~PyTorchStreamWriter calls writeEndOfFile). The file remembers the failure and commit() reports it.
    const auto write = [&file](const void* data, size_t size) {
      file.write(data, size);
      return size;
    };
    caffe2::serialize::PyTorchStreamWriter writer(write);
    writer.writeRecord("data.pkl", pickled.bytes.data(), pickled.bytes.size());
    writer.writeRecord("byteorder", "little", 6);
    for (size_t i = 0; i < pickled.tensors.size(); ++i) {
      const c10::Storage& storage = pickled.tensors[i].storage();
      writer.writeRecord(concat("data/", i), storage.nbytes() == 0 ? "" : storage.data(), storage.nbytes());
    }
    writer.writeEndOfFile();
  }
  file.commit();
}

Value TorchCheckpointIO::load(const std::string& path) {
  ZipReader archive(path);
  check_kind(archive, path);
  const std::string pickle = archive.read_text("data.pkl");
  StorageCache storages(archive, path);
  const auto load_storage = [&](const std::string& key, uint64_t bytes) { return storages.load(key, bytes); };
  Value value = unpickle(pickle, load_storage, concat("checkpoint '", path, "', record 'data.pkl'"));
  archive.verify_unread();
  return value;
}

void TorchCheckpointIO::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw SystemError(concat("cannot remove checkpoint '", path, "': ", std::strerror(errno)));
}

}  // namespace fabric
