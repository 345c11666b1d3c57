#pragma once

namespace fabric {

/// How deep lists and dicts of a checkpoint may be nested, so that recursion over them ends.
constexpr int kMostLevels = 100;

}  // namespace fabric
