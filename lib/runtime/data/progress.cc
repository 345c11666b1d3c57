#include "fabric/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "core/clock.h"

namespace fabric::detail {
namespace {

constexpr double kTerminalPauseSeconds = 0.1;
constexpr double kLinePauseSeconds = 5;
/// What every terminal shows in one row; a longer line could not be written over.
constexpr size_t kColumns = 79;

/// "0:05", "12:34", "1:02:03".
std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::min(std::ceil(seconds - 0.001), 359'999.0));
  std::ostringstream text;
  if (whole >= 3600) text << whole / 3600 << (whole / 60 % 60 < 10 ? ":0" : ":");
  text << whole / 60 % 60 << (whole % 60 < 10 ? ":0" : ":") << whole % 60;
  return std::move(text).str();
}

/// Three digits that say something: "0.0123", "1.23", "12.3", "1234".
std::string rate_text(double rate) {
  std::ostringstream text;
  text.precision(3);
  if (rate >= 1000) {
    text << static_cast<int64_t>(rate);
  } else {
    text << rate;
  }
  return std::move(text).str();
}

}  // namespace

ProgressLine::Output ProgressLine::standard_output() {
  static const SystemClock clock;
  return {::isatty(STDOUT_FILENO) == 1,
          [](std::string_view text) {
            std::fwrite(text.data(), 1, text.size(), stdout);
            std::fflush(stdout);
          },
          &clock};
}

ProgressLine::ProgressLine(int64_t epoch, std::optional<int64_t> total, int64_t done, Output output)
    : epoch_(epoch),
      total_(total),
      done_before_(done),
      output_(std::move(output)),
      began_ns_(output_.clock->now().since_boot.count()),
      shown_ns_(began_ns_),
      done_(done) {
  if (output_.is_terminal) write_line();
}

ProgressLine::~ProgressLine() {
  const bool has_shown = shown_done_ >= 0;
  if (!has_shown) return;
  if (shown_done_ != done_) write_line();
  if (output_.is_terminal) output_.write("\n");
}

void ProgressLine::show(int64_t done) {
  done_ = done;
  const double pause = output_.is_terminal ? kTerminalPauseSeconds : kLinePauseSeconds;
  const int64_t now_ns = output_.clock->now().since_boot.count();
  if (static_cast<double>(now_ns - shown_ns_) * 1e-9 >= pause) write_line();
}

void ProgressLine::write_line() {
  shown_ns_ = output_.clock->now().since_boot.count();
  shown_done_ = done_;
  const std::string line = text(static_cast<double>(shown_ns_ - began_ns_) * 1e-9).substr(0, kColumns);
  output_.write(output_.is_terminal ? "\r" + line + "\033[K" : line + "\n");
}

std::string ProgressLine::text(double seconds) const {
  std::ostringstream text;
  text << "epoch " << epoch_ << "  batch " << done_;
  if (total_) text << "/" << *total_;
  if (total_ && *total_ > 0) text << "  " << 100 * done_ / *total_ << " %";
  const int64_t done_here = done_ - done_before_;
  if (done_here == 0 || seconds <= 0) return std::move(text).str();
  const double rate = static_cast<double>(done_here) / seconds;
  text << "  " << rate_text(rate) << " batches/s";
  if (!total_ || done_ >= *total_) {
    text << "  " << duration_text(seconds) << " in all";
  } else {
    text << "  " << duration_text(static_cast<double>(*total_ - done_) / rate) << " left";
  }
  return std::move(text).str();
}

}  // namespace fabric::detail
