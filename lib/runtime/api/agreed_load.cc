#include "runtime/api/agreed_load.h"

namespace fabric {

std::optional<RankFailure> load_on_all_ranks(Collective& collective, const c10::Device& device,
                                             const std::function<PendingLoad()>& read, std::exception_ptr& failure) {
  PendingLoad pending;
  failure = failure_of([&] { pending = read(); });
  if (auto found = find_failure(collective, device, failure)) return found;
  // From here on only objects that cannot check beforehand may fail: they go first, and back if one does so on any rank.
  failure = failure_of([&] { pending.attempt_all(); });
  if (auto found = find_failure(collective, device, failure)) {
    pending.undo();
    return found;
  }
  pending.commit();
  return std::nullopt;
}

}  // namespace fabric
