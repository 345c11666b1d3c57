#include "conformance/checkpoint_io_conformance.h"

#include "fabric/registry.h"

namespace fabric::testing {
namespace {

CheckpointIOCase builtin_io(const std::string& name) {
  return {.name = name, .create = [=] {
            CheckpointIORegistry registry("checkpoint IO");
            add_builtin_checkpoint_ios(registry);
            return registry.create(name);
          }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Builtin, CheckpointIOConformanceTest,
                         ::testing::Values(builtin_io("torch"), builtin_io("safetensors")), checkpoint_io_case_name);

}  // namespace fabric::testing
