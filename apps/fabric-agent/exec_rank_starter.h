#pragma once

#include <string>

#include "rank_starter.h"

namespace fabric::agent {

/// Starts each rank by executing the worker program, or a command that runs it.
class ExecRankStarter final : public RankStarter {
 public:
  /// `worker` is the path of fabric-worker.
  explicit ExecRankStarter(std::string worker) : worker_(std::move(worker)) {}
  void start(const RankLaunch& launch, Done done) override;

 private:
  Result<StartedRank> start_now(const RankLaunch& launch) const;

  std::string worker_;
};

}  // namespace fabric::agent
