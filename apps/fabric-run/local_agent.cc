#include "local_agent.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "frames/codec.h"

namespace fabric::launcher {
namespace {

constexpr int kCoordinatorFd = 3;  // in the agent
constexpr int kPlanFd = 4;
constexpr Nanoseconds kDrainTimeout = std::chrono::milliseconds(500);

// In memory: it holds the job's variables, which are nobody else's business.
Result<UniqueFd> file_of(const GenerationPlan& plan) {
  UniqueFd file(::memfd_create("fabric-plan", MFD_CLOEXEC));
  const std::string bytes = frames::encode(plan);
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return errno_status(errno, "write the plan of the job to memory");
  return file;
}

}  // namespace

std::vector<std::string> LocalAgent::command(const Options& options) {
  std::vector<std::string> words = {options.program, concat("--coordinator-fd=", kCoordinatorFd),
                                    concat("--plan-fd=", kPlanFd), "--agent-id=" + options.agent_id,
                                    "--log-level=" + options.log_level};
  if (!options.node_name.empty()) words.push_back("--node-name=" + options.node_name);
  return words;
}

Result<std::unique_ptr<LocalAgent>> LocalAgent::start(process::EventLoop& loop, const Options& options,
                                                      Callbacks callbacks) {
  std::unique_ptr<LocalAgent> agent(new LocalAgent(loop, std::move(callbacks)));
  agent->id_ = options.agent_id;
  FABRIC_RETURN_IF_ERROR(agent->start_process(options));
  FABRIC_RETURN_IF_ERROR(agent->watch(options.log_path));
  return agent;
}

Status LocalAgent::start_process(const Options& options) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return errno_status(errno, "create a socket pair");
  }
  socket_.reset(ends[0]);
  const UniqueFd agents_end(ends[1]);
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd plan, file_of(options.common_plan));
  process::ChildOptions child;
  const std::vector<std::string> words = command(options);
  child.program = words.front();
  child.arguments.assign(words.begin() + 1, words.end());
  child.environment = options.environment;
  child.setup.cores = options.cores;
  child.inherit = {{agents_end.get(), kCoordinatorFd}, {plan.get(), kPlanFd}};
  child.stdout_to = process::ChildStream::kNull;
  child.stderr_to = process::ChildStream::kPipe;
  FABRIC_ASSIGN_OR_RETURN(process_, process::Child::spawn(child));
  return ok_status();
}

Status LocalAgent::watch(const std::string& log_path) {
  process::LogFile::Options log;
  log.path = log_path;
  log.failed = [this](const Status& status) { callbacks_.text(concat("fabric-run: ", status.message(), '\n')); };
  FABRIC_ASSIGN_OR_RETURN(log_file_, process::LogFile::open(std::move(log)));
  process::OutputSink sink;
  sink.log = log_file_.get();
  sink.text = [this](std::string_view text) {
    tail_.add(text);
    callbacks_.text(text);
  };
  sink.closed = [this] {
    is_closed_ = true;
    end_if_done();
  };
  FABRIC_ASSIGN_OR_RETURN(pump_, process::OutputPump::create(loop_, process_->take_stderr(), std::move(sink)));
  return process_->watch(loop_, [this](process::ChildExit exit) { on_exit(exit); });
}

void LocalAgent::on_exit(process::ChildExit exit) {
  exit_ = exit;
  is_reaped_ = true;
  pump_->finish_by(loop_.clock().now() + kDrainTimeout);
  end_if_done();
}

void LocalAgent::end_if_done() {
  if (has_ended()) callbacks_.ended();
}

std::string LocalAgent::failure() const {
  if (!is_reaped_ || exit_.ok()) return {};
  std::string text = concat("fabric-agent (pid ", process_->pid(), ") ", describe(exit_));
  for (const std::string& line : tail_.lines()) text += concat("\n  ", line);
  return text;
}

}  // namespace fabric::launcher
