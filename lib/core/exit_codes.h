#pragma once

namespace fabric::exit_code {

// Exit codes of fabric-run, fabric-agent and fabric-worker; docs/exit-codes.md lists them for users. A failing program's
// own code is kept: fabric-run ends with the first failing rank's code, or with 128 + N if signal N ended it.

inline constexpr int kSuccess = 0;
/// A rank ended with an exception, or a part of Fabric failed in a way that has no code of its own.
inline constexpr int kFailure = 1;
/// The command line is wrong.
inline constexpr int kUsage = 2;
/// The run stopped at an agreed step, its state is saved: start it again ("requeue me").
inline constexpr int kRequeue = 75;
/// Not all agents came within the rendezvous timeout.
inline constexpr int kRendezvousTimeout = 76;
/// A peer could not prove who it is.
inline constexpr int kNotAuthenticated = 77;
/// The job file is wrong, or the program cannot be loaded.
inline constexpr int kBadJob = 78;
/// Restarting makes no progress: never requeue.
inline constexpr int kNoProgress = 93;
/// Added to the number of the signal that ended a rank.
inline constexpr int kSignalBase = 128;

}  // namespace fabric::exit_code
