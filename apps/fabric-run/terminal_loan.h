#pragma once

#include <termios.h>

#include <csignal>

namespace fabric::launcher {

/// While it lives, a rank may have the terminal of this process: a debugger reads its commands there, and Ctrl-C goes to it.
class TerminalLoan {
 public:
  /// Returns whether there is a terminal to lend: stdin is one, and this process is in its foreground.
  static bool is_possible();

  /// Notes how the terminal is set. The rank takes it by itself. Call it before there are threads: until the loan ends this
  /// process writes and commands from the background, for which the kernel would stop it (SIGTTOU, which is blocked).
  TerminalLoan();
  TerminalLoan(const TerminalLoan&) = delete;
  TerminalLoan& operator=(const TerminalLoan&) = delete;
  /// Comes to the foreground again and sets the terminal as it was: the rank may have died without doing so.
  ~TerminalLoan();

 private:
  termios settings_{};
  sigset_t signal_mask_{};
};

}  // namespace fabric::launcher
