#include "runtime/api/metrics_buffer.h"

#include <algorithm>
#include <map>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

double read(const std::variant<double, at::Tensor>& value) {
  if (const double* const number = std::get_if<double>(&value)) return *number;
  return std::get<at::Tensor>(value).to(at::kDouble).item<double>();
}

}  // namespace

void MetricsBuffer::add(std::string name, std::variant<double, at::Tensor> value, int64_t step) {
  if (step < last_step_) {
    throw UsageError(concat("the steps of logged metrics must not fall, but '", name, "' is of step ", step,
                            " after step ", last_step_, "; count all metrics by one counter, or log without a step"));
  }
  last_step_ = step;
  metrics_.push_back({std::move(name), std::move(value), step});
}

void MetricsBuffer::write_before(int64_t step, const std::vector<std::shared_ptr<Logger>>& loggers) {
  const auto end =
      std::find_if(metrics_.begin(), metrics_.end(), [step](const Metric& metric) { return metric.step >= step; });
  write(end, loggers);
}

void MetricsBuffer::write_all(const std::vector<std::shared_ptr<Logger>>& loggers) { write(metrics_.end(), loggers); }

void MetricsBuffer::write(std::vector<Metric>::iterator end, const std::vector<std::shared_ptr<Logger>>& loggers) {
  std::map<int64_t, std::map<std::string, double>> steps;
  for (auto metric = metrics_.begin(); metric != end; ++metric) steps[metric->step][metric->name] = read(metric->value);
  metrics_.erase(metrics_.begin(), end);
  for (const auto& [step, values] : steps) {
    for (const std::shared_ptr<Logger>& logger : loggers) logger->log_metrics(values, step);
  }
}

}  // namespace fabric
