#include "control/store_call.h"

#include "control/convert.h"

namespace fabric::control {

void StoreCall::answer(StoreResponse response) {
  *reply_ = to_wire(std::move(response));
  Finish(grpc::Status::OK);
}

}  // namespace fabric::control
