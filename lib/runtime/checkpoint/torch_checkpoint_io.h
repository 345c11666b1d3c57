#pragma once

#include "fabric/checkpoint_io.h"

namespace fabric {

/// The kind "torch": one file as Python's torch.save writes and torch.load(weights_only=True) reads. It reads its own files
/// and Python's as long as they hold plain values, containers and dense tensors.
///
/// Views save the whole storage that they look at, as in Python; clone() a small view of a large tensor first.
class TorchCheckpointIO final : public CheckpointIO {
 public:
  std::string name() const override { return "torch"; }
  void save(const Value& checkpoint, const std::string& path) override;
  using CheckpointIO::load;
  Value load(const std::string& path, Verify verify) override;
  void remove(const std::string& path) override;
};

}  // namespace fabric
