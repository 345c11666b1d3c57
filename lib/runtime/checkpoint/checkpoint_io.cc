#include "fabric/checkpoint_io.h"

#include "fabric/registry.h"
#include "runtime/checkpoint/safetensors_checkpoint_io.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"

namespace fabric {

CheckpointIO::~CheckpointIO() = default;

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
