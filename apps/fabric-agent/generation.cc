#include "generation.h"

#include "process/reaper.h"

namespace fabric::agent {
namespace {

constexpr Nanoseconds kRoundInterval = std::chrono::milliseconds(2);
constexpr Nanoseconds kRoundsAtMost = std::chrono::seconds(2);

}  // namespace

Generation::Generation(const RankContext& context, GenerationPlan plan, std::vector<process::RankCores> cores,
                       GenerationPort port)
    : context_(context), plan_(std::move(plan)), cores_(std::move(cores)), port_(std::move(port)) {
  for (size_t rank = 0; rank < cores_.size(); ++rank) {
    ranks_.push_back(std::make_unique<RankProcess>(context_, assignment_of(rank), *this));
  }
  ranks_left_ = ranks_.size();
}

Generation::~Generation() { context_.loop.cancel(timer_); }

void Generation::start(const Environment& inherited) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank)
    ranks_[rank]->start(launch_of(assignment_of(rank), cores_[rank], inherited));
  if (ranks_.empty()) timer_ = context_.loop.call_after(Nanoseconds(0), [this] { end_descendants(); });
}

void Generation::stop(Nanoseconds grace, const std::string& reason) {
  if (ranks_left_ == 0) return;
  stop_reason_ = reason;
  context_.loop.cancel(timer_);
  if (grace <= Nanoseconds(0)) return kill_ranks();
  for (const auto& rank : ranks_) {
    if (!rank->is_gone()) rank->terminate();
  }
  timer_ = context_.loop.call_after(grace, [this] { kill_ranks(); });
}

void Generation::ask_steps() {
  for (const auto& rank : ranks_) rank->ask_step();
}

void Generation::limit_steps(int64_t step) {
  for (const auto& rank : ranks_) {
    if (!rank->is_gone()) rank->limit_steps(step);
  }
}

void Generation::signal_ranks(int signal_number) {
  RanksSignaled signaled{plan_.generation, signal_number, 0};
  for (const auto& rank : ranks_) signaled.num_ranks += rank->signal_if_caught(signal_number) ? 1 : 0;
  port_.send(signaled);
}

void Generation::reply(int local_rank, const frames::StoreReply& reply) {
  ranks_[static_cast<size_t>(local_rank)]->reply(reply);
}

std::vector<int> Generation::pids() const {
  std::vector<int> pids;
  for (const auto& rank : ranks_) {
    if (rank->pid() != 0) pids.push_back(rank->pid());
  }
  return pids;
}

// Its end is dealt with by a timer, since the rank that calls this must not be destroyed yet.
void Generation::on_exited(const ExitReport& report) {
  port_.send(RankExited{plan_.generation, report});
  if (--ranks_left_ > 0) return;
  context_.loop.cancel(timer_);
  give_up_at_ = context_.loop.clock().now() + kRoundsAtMost;
  timer_ = context_.loop.call_after(Nanoseconds(0), [this] { end_descendants(); });
}

Assignment Generation::assignment_of(size_t local_rank) const {
  Assignment assignment{plan_, static_cast<int>(local_rank)};
  if (plan_.threads_per_rank == 0) assignment.plan.threads_per_rank = cores_[local_rank].num_cores;
  return assignment;
}

void Generation::kill_ranks() {
  for (const auto& rank : ranks_) {
    if (!rank->is_gone()) rank->kill(stop_reason_);
  }
}

void Generation::end_descendants() {
  const bool none_left = process::kill_children_except(port_.other_children()) == 0;
  if (!none_left && context_.loop.clock().now() < give_up_at_) {
    timer_ = context_.loop.call_after(kRoundInterval, [this] { end_descendants(); });
    return;
  }
  if (!none_left) {
    context_.log.error("processes that ranks left cannot be killed", {{"generation", plan_.generation}});
  }
  const auto stopped = std::move(port_.stopped);
  stopped();  // may destroy this
}

}  // namespace fabric::agent
