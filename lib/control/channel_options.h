#pragma once

#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::control {

/// Largest message in either direction; the store's values are at most a quarter of it.
inline constexpr int kMaxMessageBytes = 256 << 20;

/// Initialises gRPC for the rest of the process; to be called before a server or a channel is made. Left to itself gRPC ends
/// with the last of them, and that waits up to 10 s for its poller where a write had found the socket's buffer full (1.51).
void start_grpc();

/// Returns the arguments of every channel: no HTTP proxy (gRPC obeys http_proxy even for loopback), quick reconnection, no
/// retries of ours hidden in gRPC, the message limit.
grpc::ChannelArguments channel_arguments();

/// Gives a server the message limit and no features that cost memory.
void configure(grpc::ServerBuilder& builder);

/// Makes `socket`, which must be connected, ready to be handed to gRPC: non-blocking, as it demands. kInvalidArgument if
/// it is no socket.
Status prepare_socket(const UniqueFd& socket);

/// Returns a status of gRPC as ours, and back; the codes are the same.
Status from_grpc(const grpc::Status& status);
grpc::Status to_grpc(const Status& status);

}  // namespace fabric::control
