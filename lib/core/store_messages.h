#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace fabric {

/// Operations of the store, those of c10d::Store of LibTorch 2.11.
enum class StoreOp : uint8_t {
  kSet,   ///< keys[0] = values[0]
  kGet,   ///< waits for keys[0]; values[0]
  kWait,  ///< waits for all keys
  kAdd,   ///< keys[0] as decimal text, 0 if absent, plus number; the sum in number
  kCompareSet,  ///< keys[0]: if its value is values[0] (or absent and values[0] empty) set values[1]; values[0] = what it then is
  kDelete,       ///< keys[0]; number = 1 if it was there, else 0
  kMultiGet,     ///< waits for all keys; values in their order
  kMultiSet,     ///< keys[i] = values[i]
  kAppend,       ///< keys[0] += values[0]
  kCheck,        ///< number = 1 if all keys are there, else 0; does not wait
  kNumKeys,      ///< number = keys of this generation
  kQueuePush,    ///< pushes values[0] to the queue keys[0]
  kQueuePop,     ///< takes the oldest of the queue keys[0] into values[0]; waits for one if number != 0, else kNotFound
  kQueueLength,  ///< number = length of the queue keys[0]
};

/// One call to the store of a generation. Keys are the program's own; the service adds the generation's prefix.
struct StoreRequest {
  StoreOp op = StoreOp::kSet;
  std::vector<std::string> keys;
  std::vector<std::string> values;
  int64_t number = 0;
  int64_t timeout_ms = 0;  ///< how long a waiting operation may wait, from when the service sees it; <= 0: not at all

  template <class V>
  void fields(V& v) {
    v(op, keys, values, number, timeout_ms);
  }
};

/// Answer to a StoreRequest. kDeadlineExceeded: keys that waited are named in the message; kAborted: generation is over.
struct StoreResponse {
  StatusCode code = StatusCode::kOk;
  std::string message;
  std::vector<std::string> values;
  int64_t number = 0;

  template <class V>
  void fields(V& v) {
    v(code, message, values, number);
  }
};

}  // namespace fabric
