#include "control/coordinator_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "control/agent_stream.h"
#include "control/channel_options.h"
#include "control/store_service.h"
#include "fabric/v1/coordinator.grpc.pb.h"

namespace fabric::control {

class CoordinatorServer::Impl final : public v1::Coordinator::CallbackService {
 public:
  Impl(const Clock& clock, Callbacks callbacks)
      : callbacks_(std::move(callbacks)), stores_(clock, [this](TimePoint at) { callbacks_.wake_at(at); }) {}
  ~Impl() override;

  Status start();
  Status adopt(UniqueFd socket);
  std::shared_ptr<AgentStream> find(ConnectionId connection);
  StoreService& stores() { return stores_; }

  grpc::ServerBidiReactor<v1::AgentMessage, v1::CoordinatorMessage>* Agent(grpc::CallbackServerContext*) override;

 private:
  struct Connection {
    std::shared_ptr<AgentStream> stream;
    bool joined = false;
  };

  void on_message(ConnectionId connection, AgentMessage message);
  void on_closed(ConnectionId connection, const Status& status);

  const Callbacks callbacks_;
  StoreService stores_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<ConnectionId, Connection> connections_;
  uint64_t last_connection_ = 0;
  bool ending_ = false;
  std::unique_ptr<grpc::Server> server_;
};

Status CoordinatorServer::Impl::start() {
  start_grpc();
  grpc::ServerBuilder builder;
  configure(builder);
  builder.RegisterService(this);
  builder.RegisterService(&stores_);
  server_ = builder.BuildAndStart();
  return server_ ? ok_status() : internal("cannot start the coordinator's server; gRPC's log says why");
}

CoordinatorServer::Impl::~Impl() {
  std::vector<std::shared_ptr<AgentStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const auto& [id, connection] : connections_) streams.push_back(connection.stream);
  }
  for (const auto& stream : streams) stream->finish(unavailable("the coordinator ends"));
  stores_.close_all();
  // Calls that are left after the deadline are cancelled, and a cancelled call always ends.
  if (server_) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return connections_.empty(); });
}

Status CoordinatorServer::Impl::adopt(UniqueFd socket) {
  FABRIC_RETURN_IF_ERROR(prepare_socket(socket));
  grpc::AddInsecureChannelFromFd(server_.get(), socket.release());
  return ok_status();
}

std::shared_ptr<AgentStream> CoordinatorServer::Impl::find(ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  const auto at = connections_.find(connection);
  return at == connections_.end() ? nullptr : at->second.stream;
}

grpc::ServerBidiReactor<v1::AgentMessage, v1::CoordinatorMessage>* CoordinatorServer::Impl::Agent(
    grpc::CallbackServerContext*) {
  std::shared_ptr<AgentStream> stream;
  bool ending = false;
  {
    const std::lock_guard lock(mutex_);
    const ConnectionId id{++last_connection_};
    stream = std::make_shared<AgentStream>(
        AgentStream::Callbacks{[this, id](AgentMessage message) { on_message(id, std::move(message)); },
                               [this, id](const Status& status) { on_closed(id, status); }});
    connections_[id].stream = stream;
    ending = ending_;
  }
  stream->start(stream);
  if (ending) stream->finish(unavailable("the coordinator ends"));
  return stream.get();
}

void CoordinatorServer::Impl::on_message(ConnectionId id, AgentMessage message) {
  auto* const join = std::get_if<Join>(&message);
  std::shared_ptr<AgentStream> offender;
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    Connection& connection = connections_.at(id);
    if (connection.joined == (join != nullptr)) offender = connection.stream;
    connection.joined = connection.joined || join != nullptr;
    wanted = !ending_;
  }
  if (offender)
    return offender->finish(failed_precondition("the first message of an agent must be a Join, and no other"));
  if (!wanted) return;
  if (join != nullptr) return callbacks_.joined(id, std::move(*join));
  callbacks_.message(id, std::move(message));
}

void CoordinatorServer::Impl::on_closed(ConnectionId id, const Status& status) {
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = connections_.at(id).joined && !ending_;
  }
  if (wanted) callbacks_.closed(id, status);
  const std::lock_guard lock(mutex_);
  connections_.erase(id);
  changed_.notify_all();
}

Result<std::unique_ptr<CoordinatorServer>> CoordinatorServer::create(const Clock& clock, Callbacks callbacks) {
  auto impl = std::make_unique<Impl>(clock, std::move(callbacks));
  FABRIC_RETURN_IF_ERROR(impl->start());
  return std::unique_ptr<CoordinatorServer>(new CoordinatorServer(std::move(impl)));
}

CoordinatorServer::CoordinatorServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CoordinatorServer::~CoordinatorServer() = default;
Status CoordinatorServer::adopt(UniqueFd socket) { return impl_->adopt(std::move(socket)); }

void CoordinatorServer::send(ConnectionId connection, const CoordinatorMessage& message) {
  if (const auto stream = impl_->find(connection)) stream->send(message);
}

void CoordinatorServer::close(ConnectionId connection, const Status& reason) {
  if (const auto stream = impl_->find(connection)) stream->finish(reason);
}

void CoordinatorServer::open_store(const GenerationId& generation) { impl_->stores().open(generation); }
void CoordinatorServer::close_store(const GenerationId& generation) { impl_->stores().close(generation); }
void CoordinatorServer::expire_stores() { impl_->stores().expire(); }

}  // namespace fabric::control
