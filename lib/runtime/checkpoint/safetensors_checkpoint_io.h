#pragma once

#include "fabric/checkpoint_io.h"

namespace fabric {

/// The kind "safetensors": one file that the libraries of that name read, with tensors under the keys that lead to them, joined
/// by '.'. All that is not a tensor, the order of keys, strides and checksums stand as JSON in the header's __metadata__, so that
/// load() gives back what save() took; tensors that shared memory do no more.
///
/// It also reads files of others, as a dict of their tensors, and files in several parts: `path` is then the index
/// (model.safetensors.index.json), or the directory that holds one or a model.safetensors. Those have no checksums.
class SafetensorsCheckpointIO final : public CheckpointIO {
 public:
  using CheckpointIO::load;
  std::string name() const override { return "safetensors"; }
  void save(const Value& checkpoint, const std::string& path) override;
  Value load(const std::string& path, Verify verify) override;
  void remove(const std::string& path) override;
};

}  // namespace fabric
