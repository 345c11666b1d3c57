#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include "core/exit_codes.h"
#include "core/ids.h"
#include "core/installation.h"
#include "core/status.h"
#include "core/version.h"
#include "frames/codec.h"
#include "link_process.h"
#include "process/signals.h"
#include "supervisor_process.h"

namespace fabric::agent {
namespace {

struct CommandLine {
  AgentOptions options;
  int coordinator_fd = -1;
  int plan_fd = -1;
};

void describe_options(CLI::App& app, CommandLine& line) {
  static const std::map<std::string, LogLevel> kLevels = {{"debug", LogLevel::kDebug},
                                                          {"info", LogLevel::kInfo},
                                                          {"warning", LogLevel::kWarning},
                                                          {"error", LogLevel::kError}};
  app.set_version_flag("--version", std::string("fabric-agent ") + kVersion);
  app.add_option("--coordinator-fd", line.coordinator_fd,
                 "Inherited descriptor of a socket that leads to the coordinator")
      ->required()
      ->check(CLI::Range(3, 1 << 20));
  app.add_option("--plan-fd", line.plan_fd,
                 "Inherited descriptor of a file with what all generations have in common, to be ready for them early")
      ->check(CLI::Range(3, 1 << 20));
  app.add_option("--agent-id", line.options.id, "Name of this agent, unique within the job")
      ->required()
      ->check([](const std::string& id) {
        return is_valid_name(id) ? "" : "must have 1 to 64 characters of [A-Za-z0-9._-], the first neither '.' nor '-'";
      });
  app.add_option("--node-name", line.options.node_name,
                 "Name of this node in reports; by default the name of the host");
  app.add_option("--worker", line.options.worker, "Path of fabric-worker; by default the one beside this program");
  app.add_option("--log-level", line.options.log_level, "Least level of the agent's own log lines")
      ->transform(CLI::CheckedTransformer(kLevels));
}

Status read_common_plan(const CommandLine& line, AgentOptions& options) {
  if (line.plan_fd < 0) return ok_status();
  const UniqueFd file(line.plan_fd);
  std::string bytes;
  std::array<char, 4096> block;
  while (true) {
    const ssize_t got = ::pread(file.get(), block.data(), block.size(), static_cast<off_t>(bytes.size()));
    if (got < 0 && errno != EINTR)
      return errno_status(errno, concat("read descriptor ", line.plan_fd, " of --plan-fd"));
    if (got == 0) break;
    if (got > 0) bytes.append(block.data(), static_cast<size_t>(got));
  }
  FABRIC_ASSIGN_OR_RETURN(options.common_plan, frames::decode<GenerationPlan>(bytes));
  return ok_status();
}

Status check_descriptor(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return ok_status();
  return errno_status(errno, concat("use descriptor ", fd, " of --coordinator-fd"));
}

// The supervisor is forked before gRPC starts its threads, so that it has none and holds nothing of it.
Status run(CommandLine& line, int& exit_code) {
  FABRIC_RETURN_IF_ERROR(read_common_plan(line, line.options));
  FABRIC_RETURN_IF_ERROR(check_descriptor(line.coordinator_fd));
  UniqueFd coordinator(line.coordinator_fd);
  std::signal(SIGPIPE, SIG_IGN);  // a reader of our log lines that goes away must not end the agent
  std::signal(SIGXFSZ, SIG_IGN);  // nor may a log that has reached the limit of files
  FABRIC_RETURN_IF_ERROR(process::block_signals({std::begin(kAgentSignals), std::end(kAgentSignals)}));
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_status(errno, "create a socket pair");
  UniqueFd links_end(ends[0]);
  UniqueFd supervisors_end(ends[1]);
  const pid_t link = ::getpid();
  const pid_t supervisor = ::fork();
  if (supervisor < 0) return errno_status(errno, "fork the supervisor");
  if (supervisor == 0) {
    coordinator.reset();
    links_end.reset();
    exit_code = run_supervisor(line.options, std::move(supervisors_end), link);
    return ok_status();
  }
  supervisors_end.reset();
  exit_code = run_link(line.options, std::move(coordinator), std::move(links_end), supervisor);
  return ok_status();
}

}  // namespace
}  // namespace fabric::agent

int main(int argc, char** argv) {
  namespace agent = fabric::agent;
  namespace exit_code = fabric::exit_code;
  CLI::App app("Runs the ranks of one node for fabric-run, which starts it.", "fabric-agent");
  agent::CommandLine line;
  agent::describe_options(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_code::kSuccess : exit_code::kUsage;
  }
  if (line.options.worker.empty()) line.options.worker = fabric::program_beside_this("fabric-worker");
  line.options.environment = agent::read_environment(environ);

  int code = exit_code::kFailure;
  const fabric::Status status = agent::run(line, code);
  if (!status.ok()) std::fprintf(stderr, "fabric-agent: %s\n", status.message().c_str());
  return code;
}
