#include "conformance/accelerator_conformance.h"

#include "fabric/registry.h"

namespace fabric::testing {
namespace {

AcceleratorCase builtin_accelerator(const std::string& name) {
  AcceleratorRegistry registry("accelerator");
  add_builtin_accelerators(registry);
  return {.name = name,
          .why_unavailable = [=] { return registry.why_unavailable(name); },
          .create = [=] { return registry.create(name); }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Builtin, AcceleratorConformanceTest,
                         ::testing::Values(builtin_accelerator("cpu"), builtin_accelerator("cuda")),
                         accelerator_case_name);

}  // namespace fabric::testing
