#include "fork_rank_starter.h"

#include <csignal>
#include <utility>

namespace fabric::agent {
namespace {

// One parallel region in the fork server would leave a pool of threads that no child has, and every child would wait for
// it. The ranks set their own number.
Environment server_environment(Environment environment) {
  for (const char* name : kThreadVariables) environment.insert_or_assign(name, std::string(1, '1'));
  return environment;
}

}  // namespace

ForkRankStarter::ForkRankStarter(process::EventLoop& loop, Log& log, std::string worker, Limits limits)
    : loop_(loop), log_(log), exec_(worker), worker_(std::move(worker)), limits_(limits) {}

ForkRankStarter::~ForkRankStarter() { loop_.cancel(deadline_); }

void ForkRankStarter::prepare(const RankLaunch& launch) {
  if (launch.method == StartMethod::kForkServer)
    serve({worker_, launch.program, server_environment(launch.environment)});
}

void ForkRankStarter::start(const RankLaunch& launch, Done done) {
  if (launch.method == StartMethod::kExec) return exec_.start(launch, std::move(done));
  prepare(launch);
  if (is_refused_) return exec_.start(launch, std::move(done));
  requests_.push_back({launch, std::move(done)});
  fork_next();
}

std::vector<int> ForkRankStarter::children() const {
  return server_ != nullptr ? std::vector<int>{server_->pid()} : std::vector<int>{};
}

void ForkRankStarter::serve(ForkServerSpec spec) {
  if (spec_ == spec) return;
  execute_all();  // they were meant for the one before
  spec_ = std::move(spec);
  is_refused_ = false;
  deaths_ = 0;
  start_server();
}

void ForkRankStarter::start_server() {
  loop_.cancel(deadline_);
  is_ready_ = false;
  server_.reset();
  ForkServer::Callbacks callbacks;
  callbacks.ready = [this](const std::string& refusal) { on_ready(refusal); };
  callbacks.forked = [this](Result<StartedRank> rank) { on_forked(std::move(rank)); };
  callbacks.ended = [this](process::ChildExit exit, const std::string& reason) { on_ended(exit, reason); };
  Result<std::unique_ptr<ForkServer>> server = ForkServer::start(loop_, *spec_, std::move(callbacks));
  if (!server.ok()) return refuse(server.status().message());
  server_ = std::move(*server);
  set_deadline(limits_.load, "it must have loaded the program by now, but has not");
}

void ForkRankStarter::fork_next() {
  if (!is_ready_ || server_->is_forking() || requests_.empty()) return;
  const RankLaunch& launch = requests_.front().launch;
  const Status sent = server_->fork_rank(launch.own, launch.setup);
  if (sent.ok()) return set_deadline(limits_.fork, "it must have forked a rank by now, but has not");
  is_ready_ = false;
  server_->kill(sent.message());
}

void ForkRankStarter::on_ready(const std::string& refusal) {
  loop_.cancel(deadline_);
  if (!refusal.empty()) return refuse(refusal);
  is_ready_ = true;
  fork_next();
}

void ForkRankStarter::on_forked(Result<StartedRank> rank) {
  loop_.cancel(deadline_);
  if (rank.ok()) deaths_ = 0;
  const Done done = std::move(requests_.front().done);
  requests_.pop_front();
  fork_next();  // the next one is under way while this one is dealt with
  done(std::move(rank));
}

// What kills it once may have been meant for it alone, or be the memory killer; a fault of the program's comes again, and
// is better told by the rank that is executed.
void ForkRankStarter::on_ended(process::ChildExit exit, const std::string& reason) {
  loop_.cancel(deadline_);
  const bool was_ready = std::exchange(is_ready_, false);
  const bool may_try_again = (was_ready || exit.signal == SIGKILL) && ++deaths_ <= limits_.deaths;
  if (!may_try_again) return refuse(reason);
  log_.warning("the fork server has ended, another one takes its place", {{"reason", reason}});
  std::optional<Request> open_request;  // the rank that it may have made for it finds its connection closed
  if (server_->is_forking()) {
    open_request = std::move(requests_.front());
    requests_.pop_front();
  }
  start_server();
  if (open_request) exec_.start(open_request->launch, std::move(open_request->done));
}

void ForkRankStarter::refuse(const std::string& reason) {
  loop_.cancel(deadline_);
  log_.warning("ranks are executed, not forked: each loads LibTorch and the program itself", {{"reason", reason}});
  server_.reset();
  is_ready_ = false;
  is_refused_ = true;
  execute_all();
}

void ForkRankStarter::execute_all() {
  for (Request& request : std::exchange(requests_, {})) exec_.start(request.launch, std::move(request.done));
}

void ForkRankStarter::set_deadline(Nanoseconds delay, const std::string& fault) {
  loop_.cancel(deadline_);
  deadline_ = loop_.call_after(delay, [this, fault] { server_->kill(fault); });
}

}  // namespace fabric::agent
