#include "job/diagnostics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <tuple>

namespace fabric::job {
namespace {

constexpr size_t kMaxShown = 20;

std::string on_one_line(const std::string& message) {
  std::string line;
  for (const char c : message) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      line += c;
      continue;
    }
    std::array<char, 8> escape{};
    std::snprintf(escape.data(), escape.size(), c == '\n' ? "\\n" : "\\x%02x", static_cast<unsigned>(c));
    line += escape.data();
  }
  return line;
}

}  // namespace

int Diagnostics::add_source(SourceText source) {
  source.name = on_one_line(source.name);
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

SourceMark Diagnostics::blamed(const SourceMark& mark, const SourceMark& other) const {
  const bool is_others = source(mark).kind != SourceKind::kFlag && source(other).kind == SourceKind::kFlag;
  return is_others ? other : mark;
}

void Diagnostics::error(const SourceMark& mark, const std::string& message) {
  errors_.push_back({mark, on_one_line(message)});
}

void Diagnostics::warning(const SourceMark& mark, const std::string& message) {
  warnings_.push_back(concat(place(mark), ": ", on_one_line(message)));
}

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
