#pragma once

#include <c10/core/Storage.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "fabric/value.h"

namespace fabric {

/// A storage, and what checks its data before the first use, if they were not checked yet.
struct LoadedStorage {
  c10::Storage storage;
  std::function<void()> verify;
};

/// Returns the storage called `key`, which must have `bytes` bytes. Called once or more per key; equal keys must give the
/// same storage.
using LoadStorage = std::function<LoadedStorage(const std::string& key, uint64_t bytes)>;

/// Reads the pickle `bytes` of a checkpoint (protocols 2 to 5) without executing anything.
///
/// Known are plain values, containers, OrderedDict, Counter, torch.Size and dense tensors; tuples become lists, integer keys
/// become their decimal digits, and what a state dict keeps as `_metadata` is dropped. Tensors that share a storage there share
/// it here.
///
/// `where` stands in messages. Throws UsageError for anything else, naming it (a class, a function, bytes, a set), and
/// SystemError for a malformed pickle, with the byte; for trees deeper than 100 levels or that contain themselves.
Value unpickle(std::string_view bytes, const LoadStorage& load_storage, const std::string& where);

}  // namespace fabric
