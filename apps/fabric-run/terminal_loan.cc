#include "terminal_loan.h"

#include <unistd.h>

#include <csignal>

namespace fabric::launcher {

bool TerminalLoan::is_possible() { return ::isatty(STDIN_FILENO) == 1 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

TerminalLoan::TerminalLoan() { ::tcgetattr(STDIN_FILENO, &settings_); }

TerminalLoan::~TerminalLoan() {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTTOU);  // stops a process of the background that does this, unless it blocks it
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings_);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace fabric::launcher
