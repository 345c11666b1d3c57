#pragma once

#include <termios.h>

namespace fabric::launcher {

/// While it lives, a rank may have the terminal of this process: a debugger reads its commands there, and Ctrl-C goes to it.
class TerminalLoan {
 public:
  /// Returns whether there is a terminal to lend: stdin is one, and this process is in its foreground.
  static bool is_possible();

  /// Notes how the terminal is set. The rank takes it by itself.
  TerminalLoan();
  TerminalLoan(const TerminalLoan&) = delete;
  TerminalLoan& operator=(const TerminalLoan&) = delete;
  /// Comes to the foreground again and sets the terminal as it was: the rank may have died without doing so.
  ~TerminalLoan();

 private:
  termios settings_{};
};

}  // namespace fabric::launcher
