#include "job/diagnostics.h"

#include <algorithm>
#include <tuple>

namespace fabric::job {
namespace {

constexpr size_t kMaxShown = 20;

}  // namespace

int Diagnostics::add_source(std::string name) {
  sources_.push_back(std::move(name));
  return static_cast<int>(sources_.size()) - 1;
}

void Diagnostics::error(const SourceMark& mark, std::string message) { errors_.push_back({mark, std::move(message)}); }

Status Diagnostics::status() const {
  if (ok()) return ok_status();
  std::vector<Error> sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Error& a, const Error& b) {
    return std::tie(a.mark.source, a.mark.line, a.mark.column) < std::tie(b.mark.source, b.mark.line, b.mark.column);
  });
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), kMaxShown); ++i) {
    const Error& error = sorted[i];
    text += concat(i == 0 ? "" : "\n", sources_[static_cast<size_t>(error.mark.source)], ':', error.mark.line, ':',
                   error.mark.column, ": ", error.message);
  }
  if (sorted.size() > kMaxShown) text += concat("\nand ", sorted.size() - kMaxShown, " more errors");
  return invalid_argument(std::move(text));
}

}  // namespace fabric::job
