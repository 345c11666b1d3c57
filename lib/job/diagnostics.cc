#include "job/diagnostics.h"

#include <algorithm>
#include <tuple>

namespace fabric::job {
namespace {

constexpr size_t kMaxShown = 20;

}  // namespace

int Diagnostics::add_source(SourceText source) {
  sources_.push_back(std::move(source));
  return static_cast<int>(sources_.size()) - 1;
}

std::string Diagnostics::place(const SourceMark& mark) const {
  return concat(source(mark).name, ':', mark.line, ':', mark.column);
}

bool Diagnostics::is_usage_error() const {
  const auto is_flag = [this](const Error& error) { return source(error.mark).kind == SourceKind::kFlag; };
  return !ok() && std::all_of(errors_.begin(), errors_.end(), is_flag);
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
    text += concat(i == 0 ? "" : "\n", place(error.mark), ": ", error.message);
  }
  if (sorted.size() > kMaxShown) text += concat("\nand ", sorted.size() - kMaxShown, " more errors");
  return invalid_argument(std::move(text));
}

}  // namespace fabric::job
