#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/unique_fd.h"
#include "fabric/logger.h"
#include "runtime/loggers/csv_table.h"

namespace fabric {

/// Writes metrics.csv: column "step", then the metrics by name, one line a step, floats in their shortest exact form. Metrics
/// that are logged at one step in several calls share a line. A metric that comes later gets its column in a new file
/// that replaces the old one at once, never a half-written one.
///
/// A run that goes on in the same directory goes on in the same file; lines of steps that it does again are replaced. Hyper-
/// parameters go to hparams.json, nested names joined by "/".
class CsvLogger final : public Logger {
 public:
  /// Nothing is read or written before the first call. `directory` is made if it is not there.
  explicit CsvLogger(std::string directory) : directory_(std::move(directory)) {}
  /// Writes what is left, and swallows what fails: call finalize() to learn of it.
  ~CsvLogger() override;

  std::string name() const override { return "csv"; }
  /// Throws UsageError if `step` is below that of the call before or a metric is called "step", SystemError if the file cannot
  /// be written.
  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override;
  void log_hyperparameters(const Value& parameters) override;
  void save() override;
  void finalize(const std::string& status) override;

 private:
  std::string path() const { return directory_ + "/metrics.csv"; }
  /// Takes over the lines of an earlier run in this directory that lie before `step`.
  void take_over(int64_t step);
  void add_columns(const std::map<std::string, double>& metrics);
  bool is_flush_due() const;
  /// Brings rows_ to the file, all but the last for good: that one may still grow.
  void flush();
  void replace_file();
  void write_tail();

  std::string directory_;
  UniqueFd file_;                             // none: the file is written anew at the next flush
  std::vector<std::string> columns_;          // sorted
  std::vector<std::string> written_columns_;  // those of the file
  std::vector<CsvRow> rows_;                  // from settled_bytes_ on, the last line of the file included
  int64_t settled_bytes_ = 0;                 // the part of the file that does not change any more
  std::optional<int64_t> last_step_;
  std::chrono::steady_clock::time_point last_flush_{};
  std::vector<std::pair<std::string, Value>> parameters_;
};

}  // namespace fabric
