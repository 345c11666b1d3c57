#include "fork_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "core/worker_command.h"
#include "frames/codec.h"
#include "frames/descriptor_packet.h"
#include "process/pipe.h"

namespace fabric::agent {

Result<std::unique_ptr<ForkServer>> ForkServer::start(process::EventLoop& loop, const ForkServerSpec& spec,
                                                      Callbacks callbacks) {
  std::unique_ptr<ForkServer> server(new ForkServer(loop, std::move(callbacks)));
  FABRIC_RETURN_IF_ERROR(server->start_process(spec));
  return server;
}

ForkServer::~ForkServer() {
  if (socket_) loop_.unwatch(socket_.get());
}

Status ForkServer::start_process(const ForkServerSpec& spec) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_status(errno, "create a socket pair");
  socket_.reset(ends[0]);
  const UniqueFd servers_end(ends[1]);
  if (::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) return errno_status(errno, "make a socket non-blocking");
  process::ChildOptions options;
  options.program = spec.worker;
  options.arguments = fork_server_command(spec.worker, spec.program);
  options.arguments.erase(options.arguments.begin());
  options.environment = to_entries(spec.environment);
  options.inherit = {{servers_end.get(), kForkServerFd}};
  options.stdout_to = process::ChildStream::kNull;
  FABRIC_ASSIGN_OR_RETURN(process_, process::Child::spawn(options));
  FABRIC_RETURN_IF_ERROR(loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { on_readable(); }));
  return process_->watch(loop_, [this](process::ChildExit exit) { on_exit(exit); });
}

Status ForkServer::fork_rank(const Environment& environment, const ProcessSetup& setup) {
  StartedRank rank;
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd worker_end, connect_rank(rank));
  FABRIC_ASSIGN_OR_RETURN(process::Pipe out, process::make_output_pipe());
  FABRIC_ASSIGN_OR_RETURN(process::Pipe err, process::make_output_pipe());
  rank.stdout_pipe = std::move(out.read_end);
  rank.stderr_pipe = std::move(err.read_end);
  const int descriptors[] = {worker_end.get(), rank.crash_file.get(), out.write_end.get(), err.write_end.get()};
  FABRIC_RETURN_IF_ERROR(frames::send_packet(
      socket_.get(), frames::encode(frames::ForkRank{++last_id_, environment, setup}), descriptors));
  forking_ = std::move(rank);
  return ok_status();
}

void ForkServer::kill(const std::string& reason) {
  kill_reason_ = reason;
  process_->signal_group(SIGKILL);
}

void ForkServer::on_readable() {
  Result<frames::DescriptorPacket> packet = frames::receive_packet(socket_.get());
  if (!packet.ok()) {  // its exit tells more, and comes soon
    loop_.unwatch(socket_.get());
    socket_.reset();
    return;
  }
  const Result<frames::ForkServerMessage> message = frames::decode<frames::ForkServerMessage>(packet->payload);
  if (!message.ok()) return kill(concat("it sent what the agent cannot read: ", message.status().message()));
  std::visit([this](const auto& alternative) { on_message(alternative); }, *message);
}

void ForkServer::on_message(const frames::ForkServerReady& message) {
  const auto ready = std::move(callbacks_.ready);
  ready(message.refusal);  // may destroy this
}

void ForkServer::on_message(const frames::RankForked& answer) {
  if (!forking_.has_value() || answer.id != last_id_) return kill("it answered what nobody had asked");
  StartedRank rank = std::move(*std::exchange(forking_, std::nullopt));
  if (!answer.error.empty()) return callbacks_.forked(unavailable(answer.error));
  Result<std::unique_ptr<process::Child>> process = process::Child::adopt(answer.pid);
  if (!process.ok()) return callbacks_.forked(process.status());
  rank.process = std::move(*process);
  callbacks_.forked(std::move(rank));
}

void ForkServer::on_exit(process::ChildExit exit) {
  const std::string reason = kill_reason_.empty() ? "it " + describe(exit) : kill_reason_;
  const auto ended = std::move(callbacks_.ended);
  ended(exit, reason);  // may destroy this
}

}  // namespace fabric::agent
