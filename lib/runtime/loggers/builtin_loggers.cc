#include "fabric/registry.h"
#include "runtime/loggers/csv_logger.h"

namespace fabric {

void add_builtin_loggers(LoggerRegistry& registry) {
  registry.add({.name = "csv",
                .description = "metrics.csv in the run's directory, one line a step",
                .why_unavailable = []() -> std::optional<std::string> { return std::nullopt; },
                .create = [](const std::string& directory) { return std::make_unique<CsvLogger>(directory); }});
}

}  // namespace fabric
