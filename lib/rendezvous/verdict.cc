#include "rendezvous/verdict.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace fabric::rendezvous {

namespace {

bool ended_well(const ExitReport& report) {
  return !report.killed_by_us && (report.ok() || (report.signal == 0 && report.exit_code == exit_code::kRequeue));
}

std::optional<ExitReport> first_failure(const std::vector<ExitReport>& reports) {
  const ExitReport* first = nullptr;
  for (const ExitReport& report : reports) {
    if (!is_failure(report)) continue;
    const bool better = first == nullptr || (is_peer_failure(*first) && !is_peer_failure(report)) ||
                        (is_peer_failure(*first) == is_peer_failure(report) && report.time_ns < first->time_ns);
    if (better) first = &report;
  }
  return first == nullptr ? std::nullopt : std::make_optional(*first);
}

// The ranks' nodes say that all are gone, yet nobody failed: a lease ran out, or an agent is at fault.
ExitReport unexplained_end(const Generation& generation) {
  const auto killed = std::find_if(generation.reports.begin(), generation.reports.end(),
                                   [](const ExitReport& report) { return !ended_well(report); });
  ExitReport report;
  if (killed != generation.reports.end()) report = *killed;
  if (report.ok()) report.exit_code = exit_code::kFailure;
  if (report.message.empty()) {
    report.message = killed == generation.reports.end()
                         ? "an agent said that its ranks are gone, but not how they ended"
                         : "its supervisor ended it though no rank had failed; the lease of its node ran out";
  }
  return report;
}

}  // namespace

bool is_failure(const ExitReport& report) { return !report.killed_by_us && !ended_well(report); }

bool is_peer_failure(const ExitReport& report) {
  const std::string_view type = report.exception_type;
  return type == "fabric::PeerError" || type.starts_with("c10::Dist") || type.starts_with("gloo::");
}

void use_coordinator_time(Generation& generation) {
  std::vector<int64_t> offsets(generation.members.size(), 0);
  for (const auto& [agent, member] : generation.members) {
    offsets.at(static_cast<size_t>(member.node_rank)) = member.clock_offset.count();
  }
  for (ExitReport& report : generation.reports) report.time_ns += offsets.at(static_cast<size_t>(report.node_rank));
}

Verdict judge(const Generation& generation, int ranks_per_node) {
  const bool lost = std::any_of(generation.members.begin(), generation.members.end(),
                                [](const auto& member) { return member.second.lost; });
  std::optional<ExitReport> failure = first_failure(generation.reports);
  if (failure && !(lost && is_peer_failure(*failure))) return {Verdict::Kind::kFailed, std::move(failure)};
  const auto well = std::count_if(generation.reports.begin(), generation.reports.end(), ended_well);
  if (well == static_cast<int64_t>(generation.members.size()) * ranks_per_node) {
    const bool requeue = std::any_of(generation.reports.begin(), generation.reports.end(),
                                     [](const ExitReport& report) { return !report.ok(); });
    return {requeue ? Verdict::Kind::kRequeue : Verdict::Kind::kCompleted, std::nullopt};
  }
  if (lost) return {Verdict::Kind::kNodeLost, std::move(failure)};
  return {Verdict::Kind::kFailed, unexplained_end(generation)};
}

}  // namespace fabric::rendezvous
