#include "job_run.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "control/coordinator_host.h"
#include "control/grpc_log.h"
#include "control/journal_file.h"
#include "core/exit_codes.h"
#include "core/exit_report.h"
#include "core/log.h"
#include "display_log.h"
#include "local_agents.h"
#include "process/reaper.h"
#include "process/signals.h"
#include "run_report.h"
#include "terminal_loan.h"

namespace fabric::launcher {
namespace {

constexpr Nanoseconds kAgentEndTimeout = std::chrono::seconds(10);
constexpr Nanoseconds kKillTimeout = std::chrono::seconds(2);
constexpr Nanoseconds kReaderPatience = std::chrono::seconds(5);

bool is_of_rank(const rendezvous::Fields& fields, int rank) {
  const rendezvous::Fields::value_type wanted{"rank", int64_t{rank}};
  return std::find(fields.begin(), fields.end(), wanted) != fields.end();
}

/// One run of one job. Members are destroyed last to first: whatever calls back goes before what it calls.
class JobRun {
 public:
  JobRun(RunRequest request, RunFiles files, const Clock& clock, process::EventLoop& loop)
      : request_(std::move(request)),
        files_(std::move(files)),
        clock_(clock),
        loop_(loop),
        started_at_(clock.now()),
        out_(loop, STDOUT_FILENO),
        err_(loop, STDERR_FILENO),
        display_(request_.display, loop, out_, err_),
        log_(make_log()),
        grpc_log_(*log_) {
    report_.start_ns = clock.wall_ns();
    report_.start_boot_ns = started_at_.since_boot.count();
    report_.name = request_.spec().name;
    report_.run_id = files_.run_id;
    report_.run_directory = files_.directory.path;
    report_.program = {files_.program, request_.spec().program};
  }

  Result<int> run();

 private:
  std::unique_ptr<Log> make_log();
  void make_agents(GenerationPlan common_plan);
  Status start_coordinator(rendezvous::Settings settings);
  Status open_event_log();
  void say_what_starts(const rendezvous::Settings& settings);

  Status watch_signals();
  void on_signal(int number);
  void stop_by(int number);
  void reap_orphans() const;
  void on_agent_ended(const LocalAgent& agent);
  void on_finished(rendezvous::JobOutcome outcome);
  void record(const std::string& event, const rendezvous::Fields& fields);
  void append_to(EventJournal& journal, const std::string& line);
  int write_report();

  RunRequest request_;
  RunFiles files_;
  const Clock& clock_;
  process::EventLoop& loop_;
  TimePoint started_at_;
  OutputStream out_;
  OutputStream err_;
  RunDisplay display_;
  std::unique_ptr<Log> log_;
  control::GrpcLogRoute grpc_log_;
  RunReport report_;
  std::unique_ptr<control::JournalFile> journal_;
  std::optional<EventJournal> event_log_;  // all that the coordinator is given
  bool has_told_of_journal_ = false;
  std::optional<TerminalLoan> terminal_;  // while a rank has it
  std::unique_ptr<process::SignalWatcher> signals_;
  bool is_finished_ = false;
  std::unique_ptr<LocalAgents> agents_;
  std::unique_ptr<control::CoordinatorHost> coordinator_;
};

Result<int> JobRun::run() {
  FABRIC_RETURN_IF_ERROR(process::become_subreaper());  // of what an agent that is killed leaves behind
  FABRIC_ASSIGN_OR_RETURN(journal_, control::JournalFile::open(files_.directory.file("journal"), files_.run_id));
  if (request_.resumes_run) FABRIC_RETURN_IF_ERROR(journal_->reopen());
  if (request_.spec().logging.coordinator) FABRIC_RETURN_IF_ERROR(open_event_log());
  rendezvous::Settings settings = settings_of(request_, files_.run_id, files_.directory.path, files_.program);
  if (request_.wrapper.has_terminal) terminal_.emplace();
  make_agents(settings.base);
  FABRIC_RETURN_IF_ERROR(agents_->start());  // they get ready meanwhile
  FABRIC_RETURN_IF_ERROR(start_coordinator(std::move(settings)));
  FABRIC_RETURN_IF_ERROR(agents_->introduce());
  FABRIC_RETURN_IF_ERROR(watch_signals());
  loop_.run();
  return write_report();
}

std::unique_ptr<Log> JobRun::make_log() {
  const LogLevel least = request_.log_level;
  if (display_.is_live()) return std::make_unique<DisplayLog>(loop_, display_, "fabric-run", least);
  return std::make_unique<FdLog>(STDERR_FILENO, "fabric-run", least, clock_);
}

void JobRun::make_agents(GenerationPlan common_plan) {
  LocalAgents::Callbacks callbacks;
  callbacks.options = [this, plan = std::move(common_plan)](size_t node) {
    return agent_options_of(request_, node, files_.directory.path, plan);
  };
  callbacks.started = [this](LocalAgent& agent) { return coordinator_->adopt_agent(agent.take_socket()); };
  callbacks.text = [this](std::string_view text) { display_.show_log_text(text); };
  callbacks.ended = [this](const LocalAgent& agent) { on_agent_ended(agent); };
  callbacks.failed = [this](const Status& status) {
    display_.show_notice(concat("an agent is missing: ", status.message()));
  };
  agents_ = std::make_unique<LocalAgents>(loop_, request_.local_nodes.size(), std::move(callbacks));
}

// Each coordinator of a run has one of its own: it is replayed from the beginning.
Status JobRun::open_event_log() {
  const std::string name = concat("coordinator-", journal_->journal().term + 1, ".log");
  FABRIC_ASSIGN_OR_RETURN(event_log_, EventJournal::open(files_.directory.file(name)));
  return ok_status();
}

Status JobRun::start_coordinator(rendezvous::Settings settings) {
  say_what_starts(settings);
  control::CoordinatorHost::Callbacks callbacks;
  callbacks.record = [this](const std::string& event, const rendezvous::Fields& fields) { record(event, fields); };
  callbacks.log_lines = [this](const LogLines& lines) { display_.show_log(lines); };
  callbacks.progress = [this](const RankProgress& progress) { display_.show_progress(progress); };
  callbacks.finished = [this](rendezvous::JobOutcome outcome) { on_finished(std::move(outcome)); };
  callbacks.write_journal = [this](const std::string& line) { return journal_->append(line); };
  if (event_log_.has_value()) callbacks.log_event = [this](const std::string& line) { append_to(*event_log_, line); };
  FABRIC_ASSIGN_OR_RETURN(coordinator_, control::CoordinatorHost::create(std::move(settings), loop_, *log_, clock_,
                                                                         std::move(callbacks), journal_->journal()));
  return ok_status();
}

void JobRun::say_what_starts(const rendezvous::Settings& settings) {
  record("run_started", {{"run_id", report_.run_id},
                         {"environment", request_.cluster.environment},
                         {"evidence", request_.cluster.evidence},
                         {"program", files_.program}});
  const int nodes = settings.max_nodes;
  display_.show_notice(concat("run ", report_.run_id, request_.resumes_run ? " goes on: " : ": ",
                              nodes * settings.ranks_per_node,
                              nodes * settings.ranks_per_node == 1 ? " rank" : " ranks", " on ", nodes,
                              nodes == 1 ? " node" : " nodes", ", in ", files_.directory.path));
  const RankWrapper& wrapper = request_.wrapper;
  if (wrapper.command.empty()) return;
  std::string ranks = wrapper.ranks.empty() ? "all ranks" : wrapper.ranks.size() == 1 ? "rank" : "ranks";
  for (const int rank : wrapper.ranks) ranks += concat(rank == wrapper.ranks.front() ? " " : ", ", rank);
  display_.show_notice(concat('\'', wrapper.command.front(), "' runs ", ranks,
                              ": ranks wait for each other without limit, and none is started again"));
}

// Those that came before, while nothing could be done about them, come now.
Status JobRun::watch_signals() {
  const std::vector<int> signals = process::without_ignored({std::begin(kRunSignals), std::end(kRunSignals)});
  FABRIC_ASSIGN_OR_RETURN(signals_,
                          process::SignalWatcher::create(loop_, signals, [this](int number) { on_signal(number); }));
  reap_orphans();
  return ok_status();
}

void JobRun::on_signal(int number) {
  if (number == SIGCHLD) return reap_orphans();
  if (number == SIGUSR1 || number == SIGUSR2) return coordinator_->signal_ranks(number);
  stop_by(number);
}

// Whatever an agent that was killed leaves behind comes to this process; so does, in a container of which it is the first
// process, all that others leave.
void JobRun::reap_orphans() const { process::reap_children_except(agents_->pids()); }

void JobRun::stop_by(int number) {
  const std::string name = signal_name(number);
  const bool immediate = report_.stop_was_requested || number == SIGQUIT;
  report_.stop_was_requested = true;
  display_.show_notice(immediate ? concat(name, ": killing the ranks")
                                 : concat(name, ": stopping the ranks; once more kills them"));
  coordinator_->request_stop("stopped by " + name, exit_code::kSignalBase + number, immediate);
}

void JobRun::on_agent_ended(const LocalAgent& agent) {
  if (is_finished_) {
    if (agents_->have_ended()) loop_.stop();
    return;
  }
  std::string failure = agent.failure();
  if (failure.empty()) failure = "fabric-agent ended, but its job had not";
  record("agent_ended", {{"agent", agent.id()}, {"reason", failure}});
  if (agents_->have_ended()) {
    agents_->retire();
    report_.agent_failure = std::move(failure);
    coordinator_->request_stop("the agent of this node ended", exit_code::kFailure, true);
  } else {
    display_.show_notice(concat(agent.id(), ": ", failure, "; another one is started"));
  }
  // What it left behind came to this process. With nothing alive its lease need not be waited for.
  if (process::kill_all_descendants(kKillTimeout, clock_, agents_->pids()))
    coordinator_->report_gone({agent.id()}, "its processes have ended");
}

void JobRun::on_finished(rendezvous::JobOutcome outcome) {
  report_.outcome = std::move(outcome);
  is_finished_ = true;
  agents_->retire();
  if (agents_->have_ended()) return loop_.stop();
  loop_.call_after(kAgentEndTimeout, [this] { agents_->kill(); });
}

void JobRun::record(const std::string& event, const rendezvous::Fields& fields) {
  const std::string line = event_json(clock_.wall_ns(), event, fields);
  append_to(files_.journal, line);
  display_.show_event(event, fields, line);
  if (event == "rank_exited" && is_of_rank(fields, request_.wrapper.rank_with_terminal())) terminal_.reset();
  auto& timings = report_.timings;
  const bool is_first = std::none_of(timings.begin(), timings.end(), [&](const auto& t) { return t.first == event; });
  if (is_first) timings.emplace_back(event, std::chrono::duration<double>(clock_.now() - started_at_).count());
}

void JobRun::append_to(EventJournal& journal, const std::string& line) {
  const Status written = journal.append(line);
  if (written.ok() || std::exchange(has_told_of_journal_, true)) return;
  display_.show_notice(concat("events are missing from now on: ", written.message()));
}

int JobRun::write_report() {
  report_.end_ns = clock_.wall_ns();
  const Status written = write_whole_file(files_.directory.file("report.json"), report_json(report_));
  if (!written.ok()) display_.show_notice(written.message());
  for (const std::string& line : failure_summary(report_)) display_.show_notice(line);
  display_.finish();
  if (!out_.failure().ok()) display_.show_notice(concat("stdout is incomplete: ", out_.failure().message()));
  out_.flush(kReaderPatience);
  err_.flush(kReaderPatience);
  return report_.outcome.exit_code;
}

}  // namespace

Result<int> run_job(RunRequest request, RunFiles files, const Clock& clock) {
  FABRIC_ASSIGN_OR_RETURN(const std::unique_ptr<process::EventLoop> loop, process::EventLoop::create(clock));
  JobRun run(std::move(request), std::move(files), clock, *loop);
  return run.run();
}

}  // namespace fabric::launcher
