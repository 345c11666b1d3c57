#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "exec_rank_starter.h"
#include "fork_server.h"
#include "process/event_loop.h"
#include "rank_starter.h"

namespace fabric::agent {

/// Starts ranks by a fork server, which it starts, keeps warm and replaces when it dies; where the program does not allow
/// that, or a launch asks for exec, by executing the worker. The log says why. Loop's thread only.
class ForkRankStarter final : public RankStarter {
 public:
  struct Limits {
    Nanoseconds load = std::chrono::minutes(5);   ///< for LibTorch and the program
    Nanoseconds fork = std::chrono::seconds(30);  ///< for one rank
    int deaths = 3;  ///< of fork servers in a row, without a rank between, after which ranks are executed
  };

  /// `worker` is the path of fabric-worker; the rest is borrowed and must outlive the starter.
  ForkRankStarter(process::EventLoop& loop, Log& log, std::string worker, Limits limits);
  ForkRankStarter(process::EventLoop& loop, Log& log, std::string worker)
      : ForkRankStarter(loop, log, std::move(worker), Limits{}) {}
  ~ForkRankStarter() override;

  void prepare(const RankLaunch& launch) override;
  void start(const RankLaunch& launch, Done done) override;
  std::vector<int> children() const override;
  bool may_have_unknown_children() const override { return server_ != nullptr && server_->is_forking(); }

 private:
  struct Request {
    RankLaunch launch;
    Done done;
  };

  void serve(ForkServerSpec spec);
  void start_server();
  void fork_next();
  void on_ready(const std::string& refusal);
  void on_forked(Result<StartedRank> rank);
  void on_ended(process::ChildExit exit, const std::string& reason);
  void refuse(const std::string& reason);
  void execute_all();
  void set_deadline(Nanoseconds delay, const std::string& fault);

  process::EventLoop& loop_;
  Log& log_;
  ExecRankStarter exec_;
  std::string worker_;
  Limits limits_;
  std::optional<ForkServerSpec> spec_;  // of the server, or of the one that was refused
  std::unique_ptr<ForkServer> server_;
  bool is_ready_ = false;
  bool is_refused_ = false;
  int deaths_ = 0;
  std::deque<Request> requests_;  // the first one is being forked if the server is_forking()
  process::TimerId deadline_;
};

}  // namespace fabric::agent
