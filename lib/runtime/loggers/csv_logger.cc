#include "runtime/loggers/csv_logger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/checkpoint/atomic_file.h"
#include "runtime/loggers/flat_parameters.h"

namespace fabric {
namespace {

using std::chrono::steady_clock;

constexpr size_t kRowsPerFlush = 100;
constexpr std::chrono::seconds kFlushInterval{1};  // so that somebody who watches the file sees it grow

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

nlohmann::ordered_json json_of(const Value& value) {
  if (value.is_bool()) return value.to_bool();
  if (value.is_int()) return value.to_int();
  if (value.is_double()) return value.to_double();
  if (value.is_string()) return value.to_string();
  return nullptr;
}

[[noreturn]] void fail(const std::string& path, int error) {
  throw SystemError(concat("cannot write '", path, "': ", std::strerror(error)));
}

void write_whole_file(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

void write_at(int fd, std::string_view text, int64_t offset, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(fd, text.data(), text.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(path, errno);
    text.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
}

}  // namespace

CsvLogger::~CsvLogger() {
  try {
    flush();
  } catch (const std::exception&) {  // NOLINT: a destructor has nobody to tell
  }
}

void CsvLogger::log_metrics(const std::map<std::string, double>& metrics, int64_t step) {
  if (metrics.count("step") != 0)
    throw UsageError("a metric must not be called 'step', which is the first column of every log; rename it");
  if (last_step_ && step < *last_step_) {
    throw UsageError(concat("steps of a log must not fall, but step ", step, " comes after step ", *last_step_));
  }
  if (!last_step_) take_over(step);
  last_step_ = step;
  if (rows_.empty() || rows_.back().step != step) {
    if (is_flush_due()) flush();
    rows_.push_back({.step = step, .metrics = {}});
  }
  add_columns(metrics);
  for (const auto& [name, number] : metrics) rows_.back().metrics[name] = number;
}

void CsvLogger::log_hyperparameters(const Value& parameters) {
  for (auto& [name, value] : flat_parameters(parameters)) {
    const auto same =
        std::find_if(parameters_.begin(), parameters_.end(), [&](const auto& known) { return known.first == name; });
    if (same == parameters_.end()) {
      parameters_.emplace_back(name, value);
    } else {
      same->second = value;
    }
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : parameters_) json[name] = json_of(value);
  write_whole_file(directory_ + "/hparams.json",
                   json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void CsvLogger::save() {
  flush();
  if (file_ && ::fsync(file_.get()) != 0) fail(path(), errno);
}

void CsvLogger::finalize(const std::string& /*status*/) { save(); }

void CsvLogger::take_over(int64_t step) {
  CsvTable table = parse_csv(read_file(path()), path());
  std::erase_if(table.rows, [&](const CsvRow& row) { return row.step >= step; });
  columns_ = std::move(table.columns);
  std::sort(columns_.begin(), columns_.end());
  rows_ = std::move(table.rows);
}

void CsvLogger::add_columns(const std::map<std::string, double>& metrics) {
  for (const auto& [name, number] : metrics) {
    const auto place = std::lower_bound(columns_.begin(), columns_.end(), name);
    if (place == columns_.end() || *place != name) columns_.insert(place, name);
  }
}

bool CsvLogger::is_flush_due() const {
  return rows_.size() > kRowsPerFlush || steady_clock::now() - last_flush_ >= kFlushInterval;
}

void CsvLogger::flush() {
  if (rows_.empty()) return;
  if (!file_ || written_columns_ != columns_) {
    replace_file();
  } else {
    write_tail();
  }
  rows_.erase(rows_.begin(), rows_.end() - 1);
  last_flush_ = steady_clock::now();
}

void CsvLogger::replace_file() {
  std::vector<CsvRow> all;
  if (file_)
    all = parse_csv(std::string_view(read_file(path())).substr(0, static_cast<size_t>(settled_bytes_)), path()).rows;
  all.insert(all.end(), rows_.begin(), rows_.end());
  std::string text = csv_header(columns_);
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 == all.size()) settled_bytes_ = static_cast<int64_t>(text.size());
    text += csv_line(all[i], columns_);
  }
  write_whole_file(path(), text);
  file_.reset(::open(path().c_str(), O_RDWR | O_CLOEXEC));
  if (!file_) fail(path(), errno);
  written_columns_ = columns_;
}

void CsvLogger::write_tail() {
  std::string text;
  size_t settled = 0;
  for (const CsvRow& row : rows_) {
    settled = text.size();
    text += csv_line(row, columns_);
  }
  // Over the last line, which may have grown; then cut off what is left of it, so that no kill in between loses a line.
  write_at(file_.get(), text, settled_bytes_, path());
  if (::ftruncate(file_.get(), settled_bytes_ + static_cast<int64_t>(text.size())) != 0) fail(path(), errno);
  settled_bytes_ += static_cast<int64_t>(settled);
}

}  // namespace fabric
