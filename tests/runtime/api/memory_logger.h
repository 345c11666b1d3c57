#pragma once

#include <fabric/logger.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fabric {

/// Remembers what it was given.
class MemoryLogger final : public Logger {
 public:
  std::string name() const override { return "memory"; }
  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override {
    rows.emplace_back(step, metrics);
  }
  void log_hyperparameters(const Value&) override {}
  void save() override {}
  void finalize(const std::string& end) override { status = end; }

  std::vector<std::pair<int64_t, std::map<std::string, double>>> rows;
  std::string status;
};

}  // namespace fabric
