#include "conformance/accelerator_conformance.h"

#include "fabric/registry.h"

namespace fabric::testing {
namespace {

AcceleratorCase builtin(const std::string& name) {
  AcceleratorRegistry registry("accelerator");
  add_builtin_accelerators(registry);
  return {.name = name,
          .why_unavailable = [=] { return registry.why_unavailable(name); },
          .create = [=] { return registry.create(name); }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Builtin, AcceleratorConformanceTest, ::testing::Values(builtin("cpu"), builtin("cuda")),
                         case_name);

}  // namespace fabric::testing
