#include "live_area.h"

#include <sys/ioctl.h>

#include <algorithm>

#include "core/concat.h"

namespace fabric::launcher {

void LiveArea::draw(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + '\n';
    widths_.push_back(line.size());
  }
  terminal_.write(std::move(text));
}

void LiveArea::wipe() {
  if (widths_.empty()) return;
  // A terminal that was made narrower has wrapped the lines.
  const auto columns = static_cast<size_t>(std::max(size().columns, 1));
  size_t rows = 0;
  for (const size_t width : widths_) rows += std::max<size_t>(1, (width + columns - 1) / columns);
  widths_.clear();
  terminal_.write(concat("\r\033[", rows, "A\033[J"));
}

TerminalSize LiveArea::size() const {
  winsize window{};
  TerminalSize size;
  if (::ioctl(terminal_.fd(), TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return size;
  size.columns = window.ws_col;
  size.rows = window.ws_row;
  return size;
}

}  // namespace fabric::launcher
