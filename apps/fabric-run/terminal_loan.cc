#include "terminal_loan.h"

#include <unistd.h>

namespace fabric::launcher {

bool TerminalLoan::is_possible() { return ::isatty(STDIN_FILENO) == 1 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

TerminalLoan::TerminalLoan() {
  ::tcgetattr(STDIN_FILENO, &settings_);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &signal_mask_);
}

TerminalLoan::~TerminalLoan() {
  ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings_);
  ::pthread_sigmask(SIG_SETMASK, &signal_mask_, nullptr);
}

}  // namespace fabric::launcher
