#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace fabric {

/// Notes in the store who has come where, so that an operation that fails can say who was missing. Costs one write to the
/// store for each answer, and nothing is read unless something fails.
///
/// `store` keeps at most two answers of each rank: that of the place before is removed.
class RollCall {
 public:
  /// `purpose` keeps the keys of several roll-calls apart.
  RollCall(c10::intrusive_ptr<c10d::Store> store, std::string purpose, int rank, int world_size)
      : store_(std::move(store)), purpose_(std::move(purpose)), rank_(rank), world_size_(world_size) {}

  /// Notes that this rank has come to the next place, called `place`. Throws what the store throws.
  void answer(std::string_view place);
  /// Returns who is missing where this rank answered last: "ranks 2, 5 of 8 have not come", or "rank 1 is at 'b' instead", or
  /// that all have come. Never throws; says so if the store does not answer.
  std::string report() const;

 private:
  std::string key(uint64_t number, int rank) const;

  c10::intrusive_ptr<c10d::Store> store_;
  std::string purpose_;
  int rank_;
  int world_size_;
  uint64_t number_ = 0;
  std::string place_;
};

}  // namespace fabric
