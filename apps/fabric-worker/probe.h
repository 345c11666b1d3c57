#pragma once

#include <string>

namespace fabric::worker {

/// Returns one JSON object: {"accelerators": [{"kind": "cuda", "index": 0, "name": "...", "memory_bytes": N,
/// "numa_node": N or -1}, ...], "note": "why there are none"}. Asks the CUDA driver only, and takes milliseconds where
/// there is none. The caller sets a deadline: a broken driver may hang.
std::string probe_accelerators();

}  // namespace fabric::worker
