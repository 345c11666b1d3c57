#include "runtime/api/agreement.h"

#include <ATen/ops/full.h>

#include <string>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

std::string message_of(const std::exception_ptr& failure) {
  if (!failure) return {};
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

/// Returns the lowest rank that failed, or -1.
int first_failing_rank(Collective& collective, const c10::Device& device, bool failed) {
  const at::Tensor mine = at::full({}, failed ? 1 : 0, at::TensorOptions().dtype(at::kInt).device(device));
  const at::Tensor all = collective.all_gather(mine).cpu();
  for (int rank = 0; rank < collective.world_size(); ++rank) {
    if (all.data_ptr<int>()[rank] != 0) return rank;
  }
  return -1;
}

}  // namespace

std::optional<RankFailure> find_failure(Collective& collective, const c10::Device& device,
                                        const std::exception_ptr& failure) {
  const int failing = first_failing_rank(collective, device, failure != nullptr);
  if (failing < 0) return std::nullopt;
  return RankFailure{failing, collective.broadcast(Value(message_of(failure)), failing).to_string()};
}

void agree(Collective& collective, const c10::Device& device, std::string_view what,
           const std::exception_ptr& failure) {
  const std::optional<RankFailure> found = find_failure(collective, device, failure);
  if (found) throw_failure(*found, what, failure);
}

void throw_failure(const RankFailure& found, std::string_view what, const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
  throw PeerError(concat("all ranks must get through ", what, ", but rank ", found.rank, " failed: ", found.message));
}

}  // namespace fabric
