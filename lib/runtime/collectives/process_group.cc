#include "runtime/collectives/process_group.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/accelerators/cuda_library.h"
#include "runtime/collectives/gloo_backend.h"
#include "runtime/collectives/peer_failure.h"
#include "runtime/collectives/roll_call.h"

namespace fabric {
namespace {

using BackendKind = c10d::ProcessGroup::BackendType;
using Store = c10::intrusive_ptr<c10d::Store>;

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const Store& store, int rank, int world_size,
                                                    std::chrono::milliseconds timeout) {
  const CudaLibrary& cuda = cuda_library();
  if (cuda.api == nullptr) throw UsageError(concat("process group backend 'nccl' cannot run here: ", *cuda.why_not));
  char error[512] = {};
  c10d::Backend* backend =
      cuda.api->make_nccl_backend(store.get(), rank, world_size, timeout.count(), error, sizeof error);
  if (backend == nullptr) throw PeerError(concat("cannot make the NCCL process group: ", error));
  return c10::intrusive_ptr<c10d::Backend>::reclaim(backend);
}

void add_backend(c10d::ProcessGroup& group, const Store& store, const std::string& backend, const std::string& address,
                 std::chrono::milliseconds timeout) {
  const int rank = group.getRank();
  const int world_size = group.getSize();
  if (backend == "gloo") {
    group.setBackend(c10::DeviceType::CPU, BackendKind::GLOO,
                     make_gloo_backend(store, rank, world_size, address, timeout));
    group.setDefaultBackend(BackendKind::GLOO);
  } else {
    group.setBackend(c10::DeviceType::CUDA, BackendKind::NCCL, make_nccl_backend(store, rank, world_size, timeout));
    group.setDefaultBackend(BackendKind::NCCL);
  }
}

}  // namespace

c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(Store store, int rank, int world_size,
                                                          const std::string& backend, const std::string& address,
                                                          std::chrono::milliseconds timeout) {
  if (backend != "gloo" && backend != "nccl") {
    throw UsageError(concat("process group backend must be one of {gloo, nccl}, but is '", backend, "'"));
  }
  if (timeout.count() <= 0)
    throw UsageError(concat("process group timeout must be positive, but is ", timeout.count(), " ms"));
  store = store->clone();  // the caller's keeps its own timeout
  store->setTimeout(timeout);
  RollCall roll_call(store, "join", rank, world_size);
  try {
    roll_call.answer("join");
    auto group = c10::make_intrusive<c10d::ProcessGroup>(store, rank, world_size);
    add_backend(*group, c10::make_intrusive<c10d::PrefixStore>("fabric/" + backend, store), backend, address, timeout);
    group->setGroupName("default");
    // Gloo's connecting ends on each rank by itself: one that went on and left would break it for the others.
    if (backend == "gloo") group->barrier()->wait();
    return group;
  } catch (const Error&) {
    throw;  // of this rank: an address or a driver that does not work
  } catch (const std::exception& error) {
    // A peer's failure, whatever its type: stores and Gloo's connecting throw a plain c10::Error when a wait runs out.
    std::throw_with_nested(PeerError(concat("cannot join the process group '", backend, "' within ", timeout.count(),
                                            " ms: ", roll_call.report(), "; ", brief_reason(error))));
  }
}

}  // namespace fabric
