#include "runtime/checkpoint/torch_checkpoint_io.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "core/concat.h"
#include "runtime/checkpoint/atomic_file.h"
#include "runtime/checkpoint/mapped_storage.h"
#include "runtime/checkpoint/unpickler.h"
#include "runtime/checkpoint/value_pickler.h"
#include "runtime/checkpoint/zip_reader.h"
#include "runtime/checkpoint/zip_writer.h"

namespace fabric {
namespace {

constexpr uint64_t kSmallBytes = 4096;  // records that are verified in any case: it costs nothing

void check_kind(const ZipReader& archive) {
  if (!archive.has("data.pkl") || archive.has("constants.pkl")) {
    throw UsageError(concat("checkpoint must be a file of torch.save, but '", archive.path(), "' is ",
                            archive.has("constants.pkl") ? "a TorchScript module" : "an archive of another kind"));
  }
  if (archive.has("byteorder") && archive.verified("byteorder") != "little") {
    throw UsageError(
        concat("checkpoint '", archive.path(), "' must be of a little-endian machine, but is of a big-endian one"));
  }
}

/// Gives each storage of an archive out once.
class StorageCache {
 public:
  StorageCache(std::shared_ptr<const ZipReader> archive, Verify verify)
      : archive_(std::move(archive)), verify_(verify) {}

  LoadedStorage load(const std::string& key, uint64_t bytes) {
    const auto found = storages_.find(key);
    if (found != storages_.end() && found->second.storage.nbytes() == bytes) return found->second;
    const std::string record = "data/" + key;
    if (archive_->size(record) != bytes) {
      throw SystemError(concat("checkpoint '", archive_->path(), "' is damaged: record '", record, "' must have ",
                               bytes, " bytes, but has ", archive_->size(record)));
    }
    LoadedStorage loaded;
    loaded.storage = mapped_storage(archive_, archive_->data(record), bytes);
    if (verify_ == Verify::kFirstTouch) {
      loaded.verify = [archive = archive_, record] { archive->verify(record); };
    }
    return storages_.emplace(key, std::move(loaded)).first->second;
  }

 private:
  std::shared_ptr<const ZipReader> archive_;
  Verify verify_;
  std::unordered_map<std::string, LoadedStorage> storages_;
};

}  // namespace

void TorchCheckpointIO::save(const Value& checkpoint, const std::string& path) {
  const PickledValue pickled = pickle_value(checkpoint);
  ZipWriter archive;
  archive.add("data.pkl", pickled.bytes);
  archive.add(".format_version", "1");
  archive.add(".storage_alignment", "64");
  archive.add("byteorder", "little");
  for (size_t i = 0; i < pickled.storages.size(); ++i) {
    const PickledStorage& storage = pickled.storages[i];
    archive.add(concat("data/", i), {static_cast<const char*>(storage.storage.data()), storage.bytes});
  }
  archive.add("version", "3\n");
  AtomicFile file(path);
  archive.write(file);
  file.commit();
}

Value TorchCheckpointIO::load(const std::string& path, Verify verify) {
  const auto archive = std::make_shared<const ZipReader>(path);
  check_kind(*archive);
  archive->verify_all(verify == Verify::kFull ? UINT64_MAX : kSmallBytes);
  StorageCache storages(archive, verify);
  const auto load_storage = [&](const std::string& key, uint64_t bytes) { return storages.load(key, bytes); };
  return unpickle(archive->verified("data.pkl"), load_storage, concat("checkpoint '", path, "', record 'data.pkl'"));
}

void TorchCheckpointIO::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw SystemError(concat("cannot remove checkpoint '", path, "': ", std::strerror(errno)));
}

}  // namespace fabric
