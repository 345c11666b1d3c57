#include "job/job_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "job/job_file.h"
#include "support/file_text.h"
#include "support/temporary_directory.h"

namespace fabric::job {
namespace {

using namespace std::chrono_literals;
using fabric::testing::TemporaryDirectory;
using ::testing::HasSubstr;

constexpr const char* kLeast = "name: x\nprogram: y.so\n";

Result<JobSpec> parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  auto job = parse_job(text, "job.yaml", "/jobs", {.overrides = overrides});
  if (!job.ok()) return job.status();
  return job->spec;
}

/// The job of `text`, which must be good.
JobSpec good(const std::string& text, const std::vector<std::string>& overrides = {}) {
  auto spec = parse(text, overrides);
  EXPECT_TRUE(spec.ok()) << spec.status().message();
  return spec.ok() ? *spec : JobSpec();
}

std::string fault(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const auto spec = parse(text, overrides);
  EXPECT_FALSE(spec.ok());
  return spec.status().message();
}

ArgValue argument(const JobSpec& spec, const std::string& name) {
  for (const auto& [key, value] : spec.args) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no argument " << name;
  return {};
}

TEST(JobReaderTest, FillsInDefaultsAndMakesPathsAbsolute) {
  const JobSpec spec = good("name: x\nprogram: ../build/y.so\nworkdir: here\noutput: {directory: /runs}\n");

  EXPECT_EQ(spec.program, "/build/y.so");
  EXPECT_EQ(spec.workdir, "/jobs/here");
  EXPECT_EQ(spec.output.directory, "/runs");
  EXPECT_EQ(spec.directory, "/jobs");
  EXPECT_EQ(spec.fabric, FabricOptions());
  EXPECT_EQ(spec.elastic, ElasticOptions());
  EXPECT_EQ(spec.threads, std::nullopt);
  EXPECT_EQ(spec.binding, Binding::kNone);
  EXPECT_EQ(spec.limits, ResourceLimits());
  EXPECT_EQ(spec.start_method, StartMethod::kForkServer);
}

TEST(JobReaderTest, ReadsEveryKey) {
  const JobSpec spec = good(R"(
name: all
program: y.so
fabric: {accelerator: CPU, strategy: DDP, devices: "4", num_nodes: 2, precision: 32, loggers: csv}
elastic: {min_nodes: 1, max_nodes: 3, max_restarts: 5, rendezvous_timeout: 5m, heartbeat: 100ms, lease: 0.5s, grace: 0s,
          restart_window: 1h, max_failures_without_progress: 0, stop_timeout: 2m, max_strikes: 2, max_node_losses: 4,
          max_preemptions: unlimited, scale_up_wait: 30s}
cluster: {environment: LOCAL, simulate_nodes: 3}
network: {interface: eth0}
logging: {level: info, coordinator: true}
env: {OMP_NUM_THREADS: 1, EMPTY: '', DATE: 2026-11-24}
threads: 3
binding: cores
limits: {core: unlimited, open_files: 4096, memory: 1.5GiB, processes: 100}
start_method: exec
output: {ranks: [0, 3], rotate: 100MB}
)");

  EXPECT_EQ(spec.fabric, (FabricOptions{"cpu", "ddp", 4, 2, "32-true", {"csv"}}));
  EXPECT_EQ(spec.elastic, (ElasticOptions{1, 3, 5, 300s, 100ms, 500ms, 0ms, 1h, 0, 120s, 2, 4, std::nullopt, 30s}));
  EXPECT_EQ(spec.cluster, (ClusterOptions{"local", 3}));
  EXPECT_EQ(spec.network, (NetworkOptions{"eth0"}));
  EXPECT_EQ(spec.logging, (LoggingOptions{LogLevel::kInfo, true}));
  EXPECT_EQ(spec.env.set,
            (std::map<std::string, std::string>{{"OMP_NUM_THREADS", "1"}, {"EMPTY", ""}, {"DATE", "2026-11-24"}}));
  EXPECT_EQ(spec.threads, 3);
  EXPECT_EQ(spec.binding, Binding::kCores);
  EXPECT_EQ(spec.limits, (ResourceLimits{INT64_MAX, 4096, 1'610'612'736, 100}));
  EXPECT_EQ(spec.start_method, StartMethod::kExec);
  EXPECT_EQ(spec.output.ranks, (std::vector<int>{0, 3}));
  EXPECT_EQ(spec.output.rotate_bytes, 100'000'000);
}

TEST(JobReaderTest, ReadsSizesWithUnitsOfThousandAndOf1024) {
  const auto core_of = [](const std::string& size) {
    return good(std::string(kLeast) + "limits: {core: " + size + "}\n").limits.core_bytes;
  };

  EXPECT_EQ(core_of("0B"), 0);
  EXPECT_EQ(core_of("3KB"), 3'000);
  EXPECT_EQ(core_of("3KiB"), 3'072);
  EXPECT_EQ(core_of("2.5MB"), 2'500'000);
  EXPECT_EQ(core_of("0.5MiB"), 524'288);
  EXPECT_EQ(core_of("1GB"), 1'000'000'000);
  EXPECT_EQ(core_of("'1GiB'"), 1'073'741'824);
  EXPECT_EQ(core_of("1125899906842624B"), int64_t{1} << 50) << "the most";
}

TEST(JobReaderTest, OverridesCanLiftWhatTheFileLimits) {
  const JobSpec spec = good(std::string(kLeast) + "limits: {memory: 1GiB}\noutput: {rotate: 1GiB}\nbinding: numa\n",
                            {"limits.memory=unlimited", "output.rotate=never", "binding=none"});

  EXPECT_EQ(spec.limits.address_space_bytes, INT64_MAX);
  EXPECT_EQ(spec.output.rotate_bytes, 0);
  EXPECT_EQ(spec.binding, Binding::kNone);
}

TEST(JobReaderTest, KeepsTheTypesAndTheOrderOfArguments) {
  const JobSpec spec = good(std::string(kLeast) + R"(args:
  zeta: 1.5e-3
  count: -7
  flag: true
  name: adam w
  quoted: "10"
  nothing:
  sizes: [3, 2.5, x]
  text: |
    two
    lines
)");

  EXPECT_EQ(spec.args.front().first, "zeta");
  EXPECT_EQ(argument(spec, "zeta"), ArgValue(ArgScalar(1.5e-3)));
  EXPECT_EQ(argument(spec, "count"), ArgValue(ArgScalar(int64_t{-7})));
  EXPECT_EQ(argument(spec, "flag"), ArgValue(ArgScalar(true)));
  EXPECT_EQ(argument(spec, "name"), ArgValue(ArgScalar(std::string("adam w"))));
  EXPECT_EQ(argument(spec, "quoted"), ArgValue(ArgScalar(std::string("10"))));
  EXPECT_EQ(argument(spec, "nothing"), ArgValue(ArgScalar(std::monostate())));
  EXPECT_EQ(argument(spec, "sizes"),
            ArgValue(std::vector<ArgScalar>{ArgScalar(int64_t{3}), ArgScalar(2.5), ArgScalar(std::string("x"))}));
  EXPECT_EQ(argument(spec, "text"), ArgValue(ArgScalar(std::string("two\nlines\n")))) << "its last line end too";
}

TEST(JobReaderTest, NodesFollowFromEachOther) {
  EXPECT_EQ(good(std::string(kLeast) + "fabric: {num_nodes: 3}\n").elastic.min_nodes, 3);
  EXPECT_EQ(good(std::string(kLeast) + "fabric: {num_nodes: 3}\n").elastic.max_nodes, 3);
  EXPECT_EQ(good(std::string(kLeast) + "fabric: {num_nodes: 3}\nelastic: {max_nodes: 2}\n").elastic.min_nodes, 2);
  EXPECT_EQ(good(std::string(kLeast) + "elastic: {min_nodes: 4}\n").elastic.max_nodes, 4);
}

TEST(JobReaderTest, AliasesStandForWhatTheyName) {
  const JobSpec spec = good(std::string(kLeast) + "args: {sizes: &s [1, 2], more: *s}\n");

  EXPECT_EQ(argument(spec, "more"), argument(spec, "sizes"));
}

TEST(JobReaderTest, OverridesReplaceAndAddWithTheTypesOfYaml) {
  const std::string job = std::string(kLeast) + "args: {epochs: 3}\nfabric: {devices: 2}\n";

  const JobSpec spec = good(job, {"args.epochs=5", "args.opt.lr=1e-3", "fabric.devices=1", "fabric.strategy=ddp",
                                  "env.A=no thing", "name=z", "args.sizes=[1, 2]", "args.text='7'", "args.epochs=6"});

  EXPECT_EQ(argument(spec, "epochs"), ArgValue(ArgScalar(int64_t{6}))) << "the last one counts";
  EXPECT_EQ(argument(spec, "opt.lr"), ArgValue(ArgScalar(1e-3)));
  EXPECT_EQ(argument(spec, "sizes"), ArgValue(std::vector<ArgScalar>{ArgScalar(int64_t{1}), ArgScalar(int64_t{2})}));
  EXPECT_EQ(argument(spec, "text"), ArgValue(ArgScalar(std::string("7"))));
  EXPECT_EQ(spec.fabric.devices, 1);
  EXPECT_EQ(spec.fabric.strategy, "ddp");
  EXPECT_EQ(spec.env.set.at("A"), "no thing");
  EXPECT_EQ(spec.name, "z");
}

TEST(JobReaderTest, NamesTheOverrideThatIsWrong) {
  EXPECT_EQ(fault(kLeast, {"fabric.devices=0"}).substr(0, 41), "--set fabric.devices:1:1: 'fabric.devices");
  EXPECT_THAT(fault(kLeast, {"fabric.device=1"}), HasSubstr("did you mean 'devices'?"));
  EXPECT_THAT(fault(kLeast, {"devices"}), HasSubstr("--set must be followed by path=value, but is 'devices'"));
  EXPECT_THAT(fault(kLeast, {"fabric..devices=1"}), HasSubstr("must have a name between its points"));
  EXPECT_THAT(fault(kLeast, {"name.first=x"}), HasSubstr("leads through a value"));
  EXPECT_THAT(fault(kLeast, {"args.a=[1"}), HasSubstr("--set args.a:1:"));
  EXPECT_THAT(fault(kLeast, {"args.a\nb=[1"}), HasSubstr("--set args.a\\nb:1:")) << "on one line";
}

TEST(JobReaderTest, RefusesWhatIsNoTextFile) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("zeros")) << std::string("name: x\nprogram: y\0.so\n", 23);
  std::ofstream(directory.file("latin1")) << "name: x\nprogram: caf\xe9.so\n";
  std::ofstream(directory.file("long")) << std::string(kMaxJobBytes + 1, '#');
  std::ofstream(directory.file("empty")) << "";
  ASSERT_EQ(::mkfifo(directory.file("pipe").c_str(), 0600), 0);
  const auto said = [&](const std::string& name) { return read_job(directory.file(name)).status().message(); };

  EXPECT_THAT(said("zeros"), HasSubstr("zeros:2:11: a job must be printable text"));
  EXPECT_THAT(said("latin1"), HasSubstr("latin1:2:13: a job must be UTF-8, but has the byte 0xe9"));
  EXPECT_THAT(said("long"), HasSubstr("must be at most 1048576 bytes"));
  EXPECT_THAT(said("empty"), HasSubstr("a job must be a map of keys and values, but is empty"));
  EXPECT_THAT(said("pipe"), HasSubstr("must be a regular file"));
  EXPECT_THAT(said("."), HasSubstr("must be a file, but is a directory"));
  EXPECT_EQ(read_job(directory.file("none")).status().code(), StatusCode::kNotFound);
}

TEST(JobReaderTest, ReadsEveryJobInConfigs) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FABRIC_CONFIGS_DIR)) {
    const auto spec = read_job(entry.path().string());
    EXPECT_TRUE(spec.ok()) << spec.status().message();
    ++count;
  }
  EXPECT_GE(count, 2);
}

/// Changes, drops, doubles or swaps some bytes.
std::string damaged(std::string text, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
    const size_t at = random() % text.size();
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 8);
        break;
      case 2:
        text.insert(at, text.substr(random() % text.size(), random() % 16));
        break;
      default:
        text[at] = "{}[]&*!|>'\"%@`:-,#?\n\t "[random() % 23];
        break;
    }
  }
  return text;
}

TEST(JobReaderTest, SurvivesDamagedJobsAndAlwaysNamesAPlace) {
  std::vector<std::string> texts;
  for (const char* directory : {FABRIC_CONFIGS_DIR, FABRIC_BAD_JOBS_DIR}) {
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      texts.push_back(fabric::testing::file_text(entry.path()));
  }
  std::mt19937 random(7);
  for (int round = 0; round < 4'000; ++round) {
    const std::string text = damaged(texts[random() % texts.size()], random);
    const auto spec = parse(text);
    if (spec.ok()) continue;
    ASSERT_EQ(spec.status().message().substr(0, 9), "job.yaml:") << text;
  }
}

}  // namespace
}  // namespace fabric::job
