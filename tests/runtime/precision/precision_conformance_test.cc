#include "conformance/precision_conformance.h"

#include "fabric/registry.h"

namespace fabric::testing {
namespace {

PrecisionCase builtin_precision(const std::string& name) {
  return {.name = name, .create = [=] {
            PrecisionRegistry registry("precision");
            add_builtin_precisions(registry);
            return registry.create(name);
          }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Builtin, PrecisionConformanceTest, ::testing::Values(builtin_precision("32-true")),
                         precision_case_name);

}  // namespace fabric::testing
