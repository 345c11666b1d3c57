#pragma once

#include <sys/types.h>

#include <span>
#include <vector>

#include "core/clock.h"
#include "core/status.h"

namespace fabric::process {

/// Makes this process the parent of every descendant whose own parent ends, whatever session or group it is in.
Status become_subreaper();

/// Returns the process ids of all children of this process, those that wait to be reaped included.
std::vector<pid_t> children();

/// Reaps those children that have ended and are not in `keep`. Returns at once.
void reap_children_except(std::span<const pid_t> keep);

/// Sends SIGKILL to all children that are not in `keep`, reaps those that have ended, and returns how many are left.
/// Children of the killed become children of a subreaper: call it again until it returns 0.
size_t kill_children_except(std::span<const pid_t> keep);

/// Kills and reaps descendants until there are none but the children in `keep` and what is below them, for at most `bound`.
/// Blocks. The caller must be a subreaper. Returns whether none is left. Reaps every other child, also those that a Child
/// object stands for.
bool kill_all_descendants(Nanoseconds bound, const Clock& clock, std::span<const pid_t> keep = {});

}  // namespace fabric::process
