#pragma once

namespace fabric {

/// Makes SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write "signal N (what) at address A" and then one line per frame,
/// "module(mangled+0xoff) [0xaddress]", innermost first, to `fd` before they end the process as they would have done: core
/// and exit status stay true. Frames that repeat are written once and counted: "... N more of the same". A handler that gets stuck is ended by the same signal after five seconds.
///
/// Call it once, on the thread that runs train(): that thread gets a stack of its own for handlers, so that a stack
/// overflow is told too. `fd` is borrowed for the life of the process.
void install_crash_handler(int fd);

}  // namespace fabric
