#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "fabric/export.h"
#include "fabric/value.h"

namespace fabric {

/// Where metrics go. Only rank 0 has loggers that write; calls come from the thread of train().
class FABRIC_API Logger {
 public:
  virtual ~Logger();

  /// Returns the registry's name: "csv".
  virtual std::string name() const = 0;
  /// Records `metrics` at `step`. Steps of successive calls never fall.
  virtual void log_metrics(const std::map<std::string, double>& metrics, int64_t step) = 0;
  /// Records the hyper-parameters of the run, a dict.
  virtual void log_hyperparameters(const Value& parameters) = 0;
  /// Makes what was logged durable.
  virtual void save() = 0;
  /// Saves and closes; `status` is "success" or "failed".
  virtual void finalize(const std::string& status) = 0;
};

}  // namespace fabric
