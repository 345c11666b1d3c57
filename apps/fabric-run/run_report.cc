#include "run_report.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/concat.h"
#include "core/exit_codes.h"
#include "rendezvous/verdict.h"

namespace fabric::launcher {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownLogLines = 15;
constexpr size_t kShownFailures = 20;

/// Returns a time of a report as nanoseconds since 1970.
int64_t wall_time(const RunReport& run, int64_t boot_ns) { return run.start_ns + (boot_ns - run.start_boot_ns); }

Json json_of(const ExitReport& report, const RunReport& run) {
  const bool failed = rendezvous::is_failure(report);
  return {{"rank", report.global_rank},
          {"local_rank", report.local_rank},
          {"node_rank", report.node_rank},
          {"node", report.hostname},
          {"pid", report.pid},
          {"exit_code", report.exit_code},
          {"signal", report.signal},
          {"core_dumped", report.core_dumped},
          {"core_file", report.core_file.empty() ? Json(nullptr) : Json(report.core_file)},
          {"out_of_memory", report.out_of_memory.empty() ? Json(nullptr) : Json(report.out_of_memory)},
          {"killed_by_us", report.killed_by_us},
          {"failed_at", failed ? Json(wall_time(run, report.time_ns)) : Json(nullptr)},
          {"last_step", report.last_step},
          {"description", describe(report)},
          {"exception_type", report.exception_type},
          {"message", report.message},
          {"backtrace", report.backtrace},
          {"last_log_lines", report.last_log_lines},
          {"log_path", report.log_path}};
}

Json json_of(const rendezvous::FailedGeneration& failure, const RunReport& run) {
  return {{"generation", concat(failure.generation)},
          {"rank", failure.global_rank},
          {"failed_at", wall_time(run, failure.time_ns)},
          {"description", failure.description}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void add_block(std::vector<std::string>& lines, const char* title, const std::vector<std::string>& block) {
  if (block.empty()) return;
  lines.emplace_back(title);
  for (const std::string& line : block) lines.push_back("    " + line);
}

/// Returns the end of a rank's log without what the worker writes about its own failure, which the report says anyway.
std::vector<std::string> last_lines(const ExitReport& report) {
  std::vector<std::string> lines = report.last_log_lines;
  const auto told = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.starts_with("fabric-worker: ") && !report.message.empty() &&
           line.ends_with(report.message.substr(0, report.message.find('\n')));
  });
  if (told != lines.end()) {
    const auto length = static_cast<ptrdiff_t>(std::max<size_t>(lines_of(report.message).size(), 1));
    lines.erase(told, told + std::min(length, lines.end() - told));
  }
  if (lines.size() > kShownLogLines) lines.erase(lines.begin(), lines.end() - kShownLogLines);
  return lines;
}

/// Says what a user may do about a rank that was killed for want of memory, or by somebody who did not say why.
void add_hint(std::vector<std::string>& lines, const ExitReport& cause) {
  if (!cause.out_of_memory.empty()) {
    lines.push_back(
        concat("  out of memory: ", cause.out_of_memory,
               "; give the job more memory, or use less in each rank (a smaller batch, fewer ranks a node)"));
  } else if (cause.signal == SIGKILL && cause.message.empty()) {
    lines.emplace_back(
        "  SIGKILL came from outside of Fabric: a person, the scheduler, or the kernel for want of memory (dmesg)");
  }
}

void add_cause(std::vector<std::string>& lines, const ExitReport& cause, const RunReport& report) {
  lines.push_back("first cause: " + describe(cause));
  add_hint(lines, cause);
  if (const std::vector<std::string> message = lines_of(cause.message); message.size() > 1) {
    add_block(lines, "  message:", message);
  }
  add_block(lines, "  backtrace:", shown_frames(cause.backtrace, report.program));
  add_block(lines, "  last lines of its log:", last_lines(cause));
  if (!cause.core_file.empty()) lines.push_back("  core: " + cause.core_file);
  if (!cause.log_path.empty()) lines.push_back("  log: " + cause.log_path);
}

/// Adds a line for each generation that failed before the last one.
void add_earlier_failures(std::vector<std::string>& lines, const rendezvous::JobOutcome& outcome) {
  std::vector<std::string> block;
  const auto& failures = outcome.failures;
  const bool last_is_first_cause =
      outcome.first_cause.has_value() && !failures.empty() && failures.back().generation == outcome.generation;
  const size_t count = failures.size() - (last_is_first_cause ? 1 : 0);
  const size_t begin = count > kShownFailures ? count - kShownFailures : 0;
  if (begin > 0) block.push_back(concat("... ", begin, " before these in report.json"));
  for (size_t i = begin; i < count; ++i) {
    block.push_back(concat("generation ", failures[i].generation, ": ", failures[i].description));
  }
  add_block(lines, "earlier failures:", block);
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
  for (const ExitReport& rank : outcome.reports) reports.push_back(json_of(rank, report));
  Json failures = Json::array();
  for (const rendezvous::FailedGeneration& failure : outcome.failures) failures.push_back(json_of(failure, report));
  const Json object = {
      {"run_id", report.run_id},
      {"name", report.name},
      {"run_directory", report.run_directory},
      {"outcome", outcome_name(report)},
      {"exit_code", outcome.exit_code},
      {"reason", outcome.reason},
      {"first_cause", outcome.first_cause.has_value() ? json_of(*outcome.first_cause, report) : Json(nullptr)},
      {"failures", failures},
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
    add_cause(lines, *outcome.first_cause, report);
    const std::string others = numbers_of_others(outcome);
    if (!others.empty()) lines.push_back("later failures: ranks " + others);
  }
  add_earlier_failures(lines, outcome);
  lines.push_back(concat("exit code ", outcome.exit_code, "; report: ", report.run_directory, "/report.json"));
  return lines;
}

}  // namespace fabric::launcher
