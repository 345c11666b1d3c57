#include "runtime/collectives/roll_call.h"

#include <exception>
#include <vector>

#include "core/concat.h"

namespace fabric {
namespace {

std::string listed(const std::vector<int>& ranks) {
  std::string result = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) result += concat(i == 0 ? "" : ", ", ranks[i]);
  return result;
}

}  // namespace

std::string RollCall::key(uint64_t number, int rank) const {
  return concat("fabric/", purpose_, "/", number, "/", rank);
}

void RollCall::answer(std::string_view place) {
  ++number_;
  place_ = place;
  store_->set(key(number_, rank_), std::vector<uint8_t>(place.begin(), place.end()));
  // Whoever comes here has passed the place before, so nobody asks any more about the one before that.
  if (number_ > 2) store_->deleteKey(key(number_ - 2, rank_));
}

std::string RollCall::report() const try {
  std::vector<int> missing;
  std::string elsewhere;
  for (int rank = 0; rank < world_size_; ++rank) {
    const std::string answer_key = key(number_, rank);
    if (!store_->check({answer_key})) {
      missing.push_back(rank);
      continue;
    }
    const std::vector<uint8_t> bytes = store_->get(answer_key);
    const std::string place(bytes.begin(), bytes.end());
    if (place != place_)
      elsewhere += concat(elsewhere.empty() ? "" : ", ", "rank ", rank, " is at '", place, "' instead");
  }
  if (missing.empty() && elsewhere.empty()) return "all ranks have come";
  if (missing.empty()) return elsewhere;
  const std::string absent =
      concat(listed(missing), " of ", world_size_, missing.size() == 1 ? " has" : " have", " not come");
  return elsewhere.empty() ? absent : concat(absent, ", ", elsewhere);
} catch (const std::exception&) {
  return "who is missing is not known, because the store does not answer";
}

}  // namespace fabric
