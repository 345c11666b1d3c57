#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "control/store_call.h"
#include "core/clock.h"
#include "core/ids.h"
#include "fabric/v1/store.grpc.pb.h"
#include "rendezvous/store_table.h"

namespace fabric::control {

/// The stores of the open generations as a service of gRPC. All functions may be called by any thread.
class StoreService final : public v1::Store::CallbackService {
 public:
  /// Called, on any thread and without a lock, when expire() is due earlier than was said before.
  using WakeAt = std::function<void(TimePoint)>;

  /// `clock` is borrowed.
  StoreService(const Clock& clock, WakeAt wake_at) : clock_(clock), wake_at_(std::move(wake_at)) {}

  void open(const GenerationId& generation);
  /// Answers all who wait in the generation's store with kAborted, as are all later calls to it.
  void close(const GenerationId& generation);
  void close_all();
  /// Answers the calls whose timeout has passed.
  void expire();

  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const v1::StoreCall* call,
                                 v1::StoreReply* reply) override;

 private:
  struct Parked {
    GenerationId generation;
    StoreCall* call = nullptr;
  };
  struct Answer {
    StoreCall* call = nullptr;
    StoreResponse response;
  };

  // The following need the mutex; answers are given without it.
  std::optional<StoreResponse> apply(const GenerationId& generation, const StoreRequest& request,
                                     rendezvous::WaiterId waiter);
  void collect(std::vector<rendezvous::Released> released, std::vector<Answer>& answers);
  std::optional<TimePoint> earlier_deadline();

  void start(StoreCall* call, rendezvous::WaiterId waiter, const GenerationId& generation, const StoreRequest& request);
  void cancel(rendezvous::WaiterId waiter);
  static void give(std::vector<Answer> answers);

  const Clock& clock_;
  const WakeAt wake_at_;
  std::mutex mutex_;
  std::map<GenerationId, rendezvous::StoreTable> tables_;
  std::map<rendezvous::WaiterId, Parked> parked_;
  uint64_t calls_ = 0;
  std::optional<TimePoint> announced_;  // the last that wake_at_ was told
};

}  // namespace fabric::control
