#include "conformance/logger_conformance.h"

#include "fabric/registry.h"

namespace fabric::testing {
namespace {

LoggerCase builtin(const std::string& name) {
  return {.name = name, .create = [=](const std::string& directory) {
            LoggerRegistry registry("logger");
            add_builtin_loggers(registry);
            return registry.create(name, directory);
          }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Builtin, LoggerConformanceTest, ::testing::Values(builtin("csv")), case_name);

}  // namespace fabric::testing
