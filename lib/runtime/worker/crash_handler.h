#pragma once

namespace fabric {

/// Makes SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT leave a record in the crash file, which must have been opened before
/// (runtime/worker/crash_file.h), as "signal N (what) at address A" and the frames, before they end the process as they would
/// have done: core and exit status stay true. A handler that gets stuck is ended by the same signal after five seconds.
///
/// Call it once, on the thread that runs train(): that thread gets a stack of its own for handlers, so that a stack
/// overflow is told too.
void install_crash_handler();

}  // namespace fabric
