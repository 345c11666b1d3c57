#pragma once

#include <string>
#include <vector>

#include "output_stream.h"
#include "run_status.h"

namespace fabric::launcher {

/// Lines that stay below all other output of a terminal: they are wiped before more of it comes, and drawn again after it.
/// Between two calls the cursor stands at the beginning of the line below them.
class LiveArea {
 public:
  /// `terminal` is borrowed. Nothing may write to the same terminal while the area is drawn.
  explicit LiveArea(OutputStream& terminal) : terminal_(terminal) {}

  /// Draws the lines; the area must be wiped. Each must be shorter than the terminal is wide.
  void draw(const std::vector<std::string>& lines);
  /// Takes the lines off the terminal; nothing happens if there are none.
  void wipe();
  /// Asks the terminal, which may have been resized.
  TerminalSize size() const;

 private:
  OutputStream& terminal_;
  std::vector<size_t> widths_;  // of the lines that are drawn
};

}  // namespace fabric::launcher
