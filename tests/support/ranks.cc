#include "support/ranks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <stdexcept>
#include <torch/csrc/distributed/c10d/FileStore.hpp>

#include "core/concat.h"
#include "core/unique_fd.h"
#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric::testing {
namespace {

using std::chrono::steady_clock;

struct Child {
  pid_t pid = -1;
  UniqueFd pipe;
  RankOutcome outcome;
};

std::string described(const std::exception& error) {
  const char* kind = "exception";
  if (dynamic_cast<const PeerError*>(&error) != nullptr) kind = "PeerError";
  if (dynamic_cast<const UsageError*>(&error) != nullptr) kind = "UsageError";
  if (dynamic_cast<const SystemError*>(&error) != nullptr) kind = "SystemError";
  if (dynamic_cast<const InternalError*>(&error) != nullptr) kind = "InternalError";
  return concat(kind, ": ", error.what());
}

/// Tells the others that this rank is done, well or not, and if it is well waits for them, so that no connection closes under
/// an operation that they still finish.
void leave(RankEnvironment& environment, bool is_well) {
  try {
    auto store = environment.store();
    store->set(concat("done/", environment.global_rank()), std::vector<uint8_t>{1});
    if (!is_well) return;
    std::vector<std::string> keys;
    for (int rank = 0; rank < environment.world_size(); ++rank) keys.push_back(concat("done/", rank));
    store->wait(keys, std::chrono::seconds(20));
  } catch (const std::exception&) {  // NOLINT: one of them was killed; nothing to wait for
  }
}

[[noreturn]] void be_rank(RankEnvironment environment, const std::function<std::string(RankEnvironment&)>& body,
                          int pipe) {
  std::string report;
  try {
    report = "+" + body(environment);
    leave(environment, true);
  } catch (const std::exception& error) {
    report = "-" + described(error);
    leave(environment, false);
  }
  for (size_t sent = 0; sent < report.size();) {
    const ssize_t count = ::write(pipe, report.data() + sent, report.size() - sent);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  ::_exit(0);  // no destructors: they would wait for ranks that are gone
}

Child start(const RankEnvironment& environment, const std::function<std::string(RankEnvironment&)>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  Child child{.pid = -1, .pipe = UniqueFd(ends[0]), .outcome = {}};
  UniqueFd writer(ends[1]);
  child.pid = ::fork();
  if (child.pid < 0) throw std::runtime_error("cannot fork");
  if (child.pid == 0) be_rank(environment, body, writer.get());
  return child;
}

/// Reads until the rank has closed its end; kills it at `end`.
void collect(Child& child, steady_clock::time_point end) {
  std::string report;
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    pollfd waiting{.fd = child.pipe.get(), .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0) {
      ::kill(child.pid, SIGKILL);
      report = "-did not end in time";
      break;
    }
    const ssize_t count = ::read(child.pipe.get(), buffer, sizeof buffer);
    if (count <= 0) break;
    report.append(buffer, static_cast<size_t>(count));
  }
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  child.outcome.ok = !report.empty() && report[0] == '+';
  child.outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  child.outcome.text = report.empty() ? "" : report.substr(1);
}

}  // namespace

c10::intrusive_ptr<c10d::Store> RankEnvironment::store() {
  if (!store_) store_ = c10::make_intrusive<c10d::FileStore>(directory_ + "/store", -1);
  return store_;
}

std::vector<RankOutcome> run_ranks(int world_size, const std::function<std::string(RankEnvironment&)>& body,
                                   std::chrono::seconds deadline) {
  const TemporaryDirectory directory;
  std::vector<Child> children;
  for (int rank = 0; rank < world_size; ++rank)
    children.push_back(start({rank, world_size, directory.path().string()}, body));
  const auto end = steady_clock::now() + deadline;
  std::vector<RankOutcome> outcomes;
  for (Child& child : children) {
    collect(child, end);
    outcomes.push_back(child.outcome);
  }
  return outcomes;
}

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

}  // namespace fabric::testing
