#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/log.h"
#include "exec_rank_starter.h"
#include "frame_channel.h"
#include "frames/codec.h"
#include "process/event_loop.h"
#include "process/reaper.h"
#include "supervisor.h"
#include "support/temporary_directory.h"

namespace fabric::agent {

/// A supervisor in this process whose link is the test, and whose worker is rank_program.
class SupervisorRig {
 public:
  explicit SupervisorRig(RankLimits limits = {}, const std::string& worker = FABRIC_RANK_PROGRAM,
                         NodeFiles node_files = {})
      : loop_(std::move(*process::EventLoop::create(clock_))), starter_(worker) {
    EXPECT_TRUE(process::become_subreaper().ok());
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    link_ = std::move(*FrameChannel::create(
        *loop_, UniqueFd(ends[0]),
        {.frame = [this](std::string_view payload) { take(payload); }, .closed = [](const Status&) {}}));
    SupervisorOptions options;
    options.agent = {"node0"};
    options.worker = worker;
    options.inherited = {{"PATH", "/usr/bin:/bin"}, {"FABRIC_SECRET", "1"}, {"MKL_NUM_THREADS", "7"}};
    options.nvidia_control = "/nowhere";
    options.limits = limits;
    options.node_files = std::move(node_files);
    supervisor_ = std::move(*Supervisor::create(*loop_, log_, starter_, std::move(options), UniqueFd(ends[1])));
  }
  ~SupervisorRig() {
    supervisor_.reset();
    process::kill_all_descendants(std::chrono::seconds(5), clock_);
  }

  GenerationPlan plan(const std::string& mode, int ranks = 1, uint32_t counter = 1) const {
    GenerationPlan plan;
    plan.generation = {1, counter};
    plan.run_directory = directory();
    plan.world_size = plan.local_world_size = ranks;
    plan.workdir = directory();
    plan.env = {{"PROGRAM_MODE", mode}};
    plan.threads_per_rank = 3;
    return plan;
  }
  void start(GenerationPlan plan) { order(StartGeneration{std::move(plan)}); }
  void order(const CoordinatorMessage& message) { to_supervisor(message); }
  void to_supervisor(const frames::ToSupervisor& message) { link_->send(frames::encode(message)); }

  /// Runs the loop until `predicate` holds, for a minute at most. Returns whether it does.
  bool run_until(std::function<bool()> predicate) {
    const TimePoint end = clock_.now() + std::chrono::seconds(60);
    process::TimerId timer;
    std::function<void()> look = [&] {
      if (predicate() || clock_.now() > end) return loop_->stop();
      timer = loop_->call_after(std::chrono::milliseconds(1), look);
    };
    timer = loop_->call_after(Nanoseconds(0), look);
    bool done = false;
    do {  // a supervisor that ends stops the loop itself
      loop_->run();
      done = predicate();
    } while (!done && clock_.now() <= end);
    loop_->cancel(timer);
    return done;
  }
  bool run_until_stopped(size_t times = 1) {
    return run_until([&] { return all<GenerationStopped>().size() == times; });
  }
  bool run_until_ready(size_t ranks = 1) {
    return run_until([&] {
      size_t ready = 0;
      for (const RankProgress& progress : all<RankProgress>()) ready += progress.phase == RankPhase::kReady;
      return ready == ranks;
    });
  }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const AgentMessage& message : messages_) {
      if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
    }
    return found;
  }
  /// The report of a rank; fails the test if there is not exactly one.
  ExitReport report(int global_rank = 0) const {
    std::vector<ExitReport> found;
    for (const RankExited& exited : all<RankExited>()) {
      if (exited.report.global_rank == global_rank) found.push_back(exited.report);
    }
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? ExitReport{} : found.front();
  }
  std::vector<std::string> log_lines(bool is_stderr = false) const {
    std::vector<std::string> lines;
    for (const LogLines& message : all<LogLines>()) {
      if (message.is_stderr == is_stderr) lines.insert(lines.end(), message.lines.begin(), message.lines.end());
    }
    return lines;
  }
  std::string file(const std::string& path) const {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  Supervisor& supervisor() { return *supervisor_; }
  process::EventLoop& loop() { return *loop_; }
  FrameChannel& link() { return *link_; }
  const Clock& clock() const { return clock_; }
  std::string directory() const { return directory_.path().string(); }
  const std::vector<AgentMessage>& messages() const { return messages_; }
  const std::vector<frames::LinkStoreCall>& store_calls() const { return store_calls_; }

 private:
  void take(std::string_view payload) {
    auto message = frames::decode<frames::FromSupervisor>(payload);
    ASSERT_TRUE(message.ok()) << message.status().to_string();
    if (auto* const call = std::get_if<frames::LinkStoreCall>(&*message))
      store_calls_.push_back(*call);
    else
      messages_.push_back(std::get<AgentMessage>(*message));
  }

  SystemClock clock_;
  NullLog log_;
  std::unique_ptr<process::EventLoop> loop_;
  ExecRankStarter starter_;
  testing::TemporaryDirectory directory_;
  std::unique_ptr<FrameChannel> link_;
  std::unique_ptr<Supervisor> supervisor_;
  std::vector<AgentMessage> messages_;
  std::vector<frames::LinkStoreCall> store_calls_;
};

}  // namespace fabric::agent
