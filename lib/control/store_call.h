#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "core/store_messages.h"
#include "fabric/v1/store.pb.h"

namespace fabric::control {

/// One call to the store that gRPC waits for. Deletes itself when gRPC is done with it, which is after answer().
class StoreCall final : public grpc::ServerUnaryReactor {
 public:
  /// `reply` is borrowed from gRPC. `on_cancel` is called on a thread of gRPC if the caller goes away before the answer.
  StoreCall(v1::StoreReply* reply, std::function<void()> on_cancel) : reply_(reply), on_cancel_(std::move(on_cancel)) {}

  /// Answers the call. Once, on any thread; the call must not be used afterwards.
  void answer(StoreResponse response);

  void OnCancel() override { on_cancel_(); }
  void OnDone() override { delete this; }

 private:
  ~StoreCall() override = default;

  v1::StoreReply* const reply_;
  const std::function<void()> on_cancel_;
};

}  // namespace fabric::control
