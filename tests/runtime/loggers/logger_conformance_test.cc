#include "conformance/logger_conformance.h"

#include "fabric/registry.h"

namespace fabric::testing {
namespace {

LoggerCase builtin_logger(const std::string& name) {
  return {.name = name, .create = [=](const std::string& directory) {
            LoggerRegistry registry("logger");
            add_builtin_loggers(registry);
            return registry.create(name, directory);
          }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Builtin, LoggerConformanceTest, ::testing::Values(builtin_logger("csv")), logger_case_name);

}  // namespace fabric::testing
