#include "run_report.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/concat.h"
#include "core/exit_codes.h"

namespace fabric::launcher {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownLogLines = 15;

Json json_of(const ExitReport& report) {
  return {{"rank", report.global_rank},
          {"local_rank", report.local_rank},
          {"node_rank", report.node_rank},
          {"node", report.hostname},
          {"pid", report.pid},
          {"exit_code", report.exit_code},
          {"signal", report.signal},
          {"core_dumped", report.core_dumped},
          {"killed_by_us", report.killed_by_us},
          {"time_ns", report.time_ns},
          {"last_step", report.last_step},
          {"description", describe(report)},
          {"exception_type", report.exception_type},
          {"message", report.message},
          {"backtrace", report.backtrace},
          {"last_log_lines", report.last_log_lines},
          {"log_path", report.log_path}};
}

void add_indented(std::vector<std::string>& lines, const char* title, const std::string& text) {
  if (text.empty()) return;
  lines.emplace_back(title);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back("    " + line);
}

std::string last_lines(const std::vector<std::string>& log) {
  std::string text;
  for (size_t i = log.size() > kShownLogLines ? log.size() - kShownLogLines : 0; i < log.size(); ++i)
    text += log[i] + '\n';
  return text;
}

/// Says how the job ended, without what the first cause's own line says.
std::string headline(const RunReport& report) {
  const rendezvous::JobOutcome& outcome = report.outcome;
  const std::string head = outcome_name(report) == "failed" ? "the job failed" : "the job ended";
  const std::string cause = outcome.first_cause.has_value() ? describe(*outcome.first_cause) : "";
  if (cause.empty() || !outcome.reason.starts_with(cause)) return concat(head, ": ", outcome.reason);
  return head + outcome.reason.substr(cause.size());
}

std::string numbers_of_others(const rendezvous::JobOutcome& outcome) {
  std::string ranks;
  for (const ExitReport& report : outcome.reports) {
    const bool is_other =
        !report.ok() && !report.killed_by_us && report.global_rank != outcome.first_cause->global_rank;
    if (is_other) ranks += concat(ranks.empty() ? "" : ", ", report.global_rank);
  }
  return ranks;
}

}  // namespace

std::string outcome_name(const RunReport& report) {
  const int code = report.outcome.exit_code;
  if (code == exit_code::kSuccess) return "completed";
  if (report.outcome.first_cause.has_value() || !report.agent_failure.empty()) return "failed";
  if (code == exit_code::kRequeue) return "requeue";
  if (report.stop_was_requested) return "stopped";
  return code == exit_code::kRendezvousTimeout ? "rendezvous_timeout" : "failed";
}

std::string report_json(const RunReport& report) {
  const rendezvous::JobOutcome& outcome = report.outcome;
  Json timings = Json::object();
  for (const auto& [event, seconds] : report.timings) timings[event] = seconds;
  Json reports = Json::array();
  for (const ExitReport& rank : outcome.reports) reports.push_back(json_of(rank));
  const Json object = {{"run_id", report.run_id},
                       {"name", report.name},
                       {"run_directory", report.run_directory},
                       {"outcome", outcome_name(report)},
                       {"exit_code", outcome.exit_code},
                       {"reason", outcome.reason},
                       {"first_cause", outcome.first_cause.has_value() ? json_of(*outcome.first_cause) : Json(nullptr)},
                       {"agent_failure", report.agent_failure.empty() ? Json(nullptr) : Json(report.agent_failure)},
                       {"ranks", reports},
                       {"restarts", outcome.restart_count},
                       {"generations", outcome.generation.counter},
                       {"generation", concat(outcome.generation)},
                       {"start_ns", report.start_ns},
                       {"end_ns", report.end_ns},
                       {"seconds", static_cast<double>(report.end_ns - report.start_ns) * 1e-9},
                       {"timings", timings}};
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::vector<std::string> failure_summary(const RunReport& report) {
  const rendezvous::JobOutcome& outcome = report.outcome;
  if (outcome.exit_code == exit_code::kSuccess) return {};
  std::vector<std::string> lines = {headline(report)};
  if (!report.agent_failure.empty()) lines.push_back(report.agent_failure);
  if (outcome.first_cause.has_value()) {
    const ExitReport& cause = *outcome.first_cause;
    lines.push_back("first cause: " + describe(cause));
    add_indented(lines, "  backtrace:", cause.backtrace);
    add_indented(lines, "  last lines of its log:", last_lines(cause.last_log_lines));
    if (!cause.log_path.empty()) lines.push_back("  log: " + cause.log_path);
    const std::string others = numbers_of_others(outcome);
    if (!others.empty()) lines.push_back("later failures: ranks " + others);
  }
  lines.push_back(concat("exit code ", outcome.exit_code, "; report: ", report.run_directory, "/report.json"));
  return lines;
}

}  // namespace fabric::launcher
