#pragma once

#include "fabric/export.h"

/// Loads the user's program and then forks ranks from this process as its supervisor asks, until that closes its end; returns
/// the process's exit code. Called by fabric-worker's main, once, on its only thread. Does not return in a forked rank.
///
/// `server_fd` is this process's end of a SOCK_SEQPACKET pair whose other end the parent process, the supervisor, holds; it
/// is taken over. The messages are frames::ForkServerMessage and frames::ForkRank.
extern "C" FABRIC_API int fabric_fork_server_main(int server_fd, const char* program);
