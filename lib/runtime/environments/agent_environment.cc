#include "runtime/environments/agent_environment.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "core/concat.h"
#include "core/network_interface.h"
#include "core/rank_text.h"
#include "core/unique_fd.h"
#include "fabric/error.h"
#include "runtime/worker/agent_link.h"
#include "runtime/worker/agent_store.h"
#include "runtime/worker/exception_report.h"

namespace fabric {
namespace {

/// Returns the numeric address from which this host reaches `peer`, also numeric. Sends nothing: connecting a datagram
/// socket only asks the routing table.
std::string address_towards(const std::string& peer) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(peer.c_str(), "9", &hints, &found) != 0) {
    throw InternalError(concat("the plan's main address must be numeric, but is '", peer, "'"));
  }
  const UniqueFd socket(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const bool connected = socket && ::connect(socket.get(), found->ai_addr, found->ai_addrlen) == 0;
  const int reason = errno;
  ::freeaddrinfo(found);
  if (!connected) {
    throw SystemError(
        concat("cannot find a route to the main address '", peer, "': ", std::generic_category().message(reason)));
  }
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  std::array<char, NI_MAXHOST> text{};
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) !=
          0) {
    throw SystemError(concat("cannot read the own address towards '", peer, "'"));
  }
  return text.data();
}

std::string own_address(const GenerationPlan& plan) {
  if (plan.interface.empty()) return plan.num_nodes == 1 ? "127.0.0.1" : address_towards(plan.main_address);
  Result<std::string> address = address_of_interface(plan.interface);
  if (!address.ok()) throw UsageError(concat("'network.interface' ", address.error().message()));
  return std::move(*address);
}

/// Puts in what the macros of ranks stand for in the texts of `value` and below.
void expand(nlohmann::json& value, const RankValues& values) {
  if (value.is_structured()) {
    for (auto& item : value) expand(item, values);
  } else if (value.is_string()) {
    const Result<std::string> text = expand_rank_text(value.get<std::string>(), values);
    if (!text.ok()) throw UsageError(concat("an argument of the job ", text.error().message()));
    value = *text;
  }
}

/// Returns the job as it is for this rank: its arguments are texts with macros until here.
std::string job_of(const Assignment& rank) {
  auto job = nlohmann::json::parse(rank.plan.job_json, nullptr, /*allow_exceptions=*/false);
  if (!job.is_object() || !job.contains("args")) return rank.plan.job_json;
  expand(job["args"], values_of(rank));
  return job.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

AgentEnvironment::AgentEnvironment(std::shared_ptr<AgentLink> link)
    : link_(std::move(link)), address_(own_address(plan())) {}

AgentEnvironment::~AgentEnvironment() = default;

const GenerationPlan& AgentEnvironment::plan() const { return link_->assignment().plan; }
int AgentEnvironment::global_rank() const { return link_->assignment().global_rank(); }
int AgentEnvironment::local_rank() const { return link_->assignment().local_rank; }
int AgentEnvironment::node_rank() const { return plan().node_rank; }
int AgentEnvironment::world_size() const { return plan().world_size; }
int AgentEnvironment::local_world_size() const { return plan().local_world_size; }
int AgentEnvironment::num_nodes() const { return plan().num_nodes; }
int AgentEnvironment::restart_count() const { return plan().restart_count; }
int64_t AgentEnvironment::furthest_step() const { return plan().furthest_step; }
bool AgentEnvironment::waits_without_limit() const { return plan().waits_without_limit(); }
std::string AgentEnvironment::run_directory() const { return plan().run_directory; }
std::string AgentEnvironment::job_json() const { return job_of(link_->assignment()); }
std::string AgentEnvironment::job_directory() const { return plan().job_directory; }

c10::intrusive_ptr<c10d::Store> AgentEnvironment::store() {
  auto store = c10::make_intrusive<AgentStore>(link_);
  if (waits_without_limit()) store->setTimeout(c10d::Store::kNoTimeout);
  return store;
}
void AgentEnvironment::report_ready() { link_->report_ready(); }
void AgentEnvironment::report_step(int64_t step) { link_->report_step(step); }

bool AgentEnvironment::stops_after(int64_t step) { return link_->step_gate().pass(step); }
bool AgentEnvironment::should_stop() const { return link_->step_gate().is_stopping(); }

void AgentEnvironment::report_failure(const std::exception_ptr& failure) { tell_exception(*link_, failure); }

}  // namespace fabric
