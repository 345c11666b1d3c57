#pragma once

#include "core/agent_messages.h"
#include "core/status.h"
#include "core/store_messages.h"
#include "fabric/v1/coordinator.pb.h"
#include "fabric/v1/store.pb.h"

namespace fabric::control {

// Between the plain structs of lib/core and what goes over the wire. to_wire never fails. from_wire trusts nothing: it
// returns kInvalidArgument for an absent message, an enumerator that is not known or a number out of range, and names the
// field. Fields that are not known are ignored, as protobuf does, so that a newer peer may add some.

v1::GenerationId to_wire(const GenerationId& id);
v1::AgentMessage to_wire(const AgentMessage& message);
v1::CoordinatorMessage to_wire(const CoordinatorMessage& message);
v1::StoreCall to_wire(const GenerationId& generation, StoreRequest request);
v1::StoreReply to_wire(StoreResponse response);
v1::ExitReport to_wire(const ExitReport& report);
v1::NodeReport to_wire(const NodeReport& node);
v1::GenerationPlan to_wire(const GenerationPlan& plan);

GenerationId from_wire(const v1::GenerationId& id);
ExitReport from_wire(const v1::ExitReport& report);
NodeReport from_wire(const v1::NodeReport& node);
Result<GenerationPlan> from_wire(const v1::GenerationPlan& plan);
Result<AgentMessage> from_wire(const v1::AgentMessage& message);
Result<CoordinatorMessage> from_wire(const v1::CoordinatorMessage& message);
/// kInvalidArgument for an operation that is not known.
Result<StoreRequest> from_wire(const v1::StoreCall& call);
/// Takes the values out of `reply`.
Result<StoreResponse> from_wire(v1::StoreReply&& reply);

}  // namespace fabric::control
