#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "fabric/logger.h"

namespace fabric {

/// Metrics that were logged and not yet given to the loggers. Tensors wait here so that their devices need not be waited for.
class MetricsBuffer {
 public:
  /// Keeps a metric. A tensor has one element. Throws UsageError if `step` is lower than the one before.
  void add(std::string name, std::variant<double, at::Tensor> value, int64_t step);
  /// Gives what is of steps below `step` to the loggers, one call for each step.
  void write_before(int64_t step, const std::vector<std::shared_ptr<Logger>>& loggers);
  void write_all(const std::vector<std::shared_ptr<Logger>>& loggers);

 private:
  struct Metric {
    std::string name;
    std::variant<double, at::Tensor> value;
    int64_t step;
  };

  void write(std::vector<Metric>::iterator end, const std::vector<std::shared_ptr<Logger>>& loggers);

  std::vector<Metric> metrics_;
  int64_t last_step_ = 0;
};

}  // namespace fabric
