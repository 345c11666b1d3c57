#include "local_agents.h"

#include <algorithm>

namespace fabric::launcher {
namespace {

constexpr Nanoseconds kFirstPause = std::chrono::seconds(1);
constexpr Nanoseconds kLongestPause = std::chrono::seconds(30);
/// An agent that ran this long was a good one.
constexpr Nanoseconds kGoodLife = std::chrono::seconds(10);

bool runs(const std::unique_ptr<LocalAgent>& agent) { return agent != nullptr && !agent->has_ended(); }

}  // namespace

LocalAgents::LocalAgents(process::EventLoop& loop, size_t num_nodes, Callbacks callbacks)
    : loop_(loop), callbacks_(std::move(callbacks)), nodes_(num_nodes) {}

LocalAgents::~LocalAgents() { retire(); }

Status LocalAgents::start() {
  for (size_t number = 0; number < nodes_.size(); ++number) FABRIC_RETURN_IF_ERROR(start(number));
  return ok_status();
}

Status LocalAgents::introduce() {
  for (const Node& node : nodes_) FABRIC_RETURN_IF_ERROR(callbacks_.started(*node.agent));
  return ok_status();
}

Status LocalAgents::start(size_t number) {
  Node& node = nodes_[number];
  node.started_at = loop_.clock().now();
  FABRIC_ASSIGN_OR_RETURN(node.agent,
                          LocalAgent::start(loop_, callbacks_.options(number),
                                            {.text = callbacks_.text, .ended = [this, number] { on_ended(number); }}));
  return ok_status();
}

// Where no other agent runs, the job ends: nobody could tell what its ranks have done.
void LocalAgents::on_ended(size_t number) {
  Node& node = nodes_[number];
  const bool was_good = loop_.clock().now() - node.started_at >= kGoodLife;
  node.pause = was_good || node.pause == Nanoseconds(0) ? kFirstPause : std::min(2 * node.pause, kLongestPause);
  if (!is_retired_ && !have_ended()) node.timer = loop_.call_after(node.pause, [this, number] { start_again(number); });
  callbacks_.ended(*node.agent);
}

void LocalAgents::start_again(size_t number) {
  Node& node = nodes_[number];
  Status status = start(number);
  if (status.ok()) status = callbacks_.started(*node.agent);
  if (status.ok()) return;
  callbacks_.failed(status);
  if (runs(node.agent)) return node.agent->kill();
  node.timer = loop_.call_after(kLongestPause, [this, number] { start_again(number); });
}

void LocalAgents::retire() {
  is_retired_ = true;
  for (const Node& node : nodes_) loop_.cancel(node.timer);
}

void LocalAgents::kill() {
  for (const Node& node : nodes_) {
    if (runs(node.agent)) node.agent->kill();
  }
}

bool LocalAgents::have_ended() const {
  return std::none_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return runs(node.agent); });
}

std::vector<pid_t> LocalAgents::pids() const {
  std::vector<pid_t> pids;
  for (const Node& node : nodes_) {
    if (runs(node.agent)) pids.push_back(node.agent->pid());
  }
  return pids;
}

}  // namespace fabric::launcher
