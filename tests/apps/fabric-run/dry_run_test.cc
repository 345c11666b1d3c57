// The real fabric-run, asked what it would do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "process/cpu_topology.h"
#include "support/fabric_run.h"
#include "support/file_text.h"
#include "support/processes.h"

namespace fabric::launcher {
namespace {

using fabric::testing::file_text;
using fabric::testing::JobResult;
using fabric::testing::JobStart;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class DryRunTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_.file(name)) << text; }
  /// Writes a job of two ranks; `more` are lines of its own.
  void write_job(const std::string& more = "") {
    write("job.yaml", std::string("name: test\nprogram: ") + FABRIC_NOTED_PROGRAM +
                          "\nfabric: {accelerator: cpu, devices: 2}\n" + more);
  }
  /// Runs fabric-run with `variables` beside its environment.
  JobResult run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {}) {
    JobStart start{.wrapper = {"/usr/bin/env"}};
    start.wrapper.insert(start.wrapper.end(), variables.begin(), variables.end());
    return RunningJob(directory_, arguments, start).wait();
  }
  nlohmann::json plan(std::vector<std::string> arguments, const std::vector<std::string>& variables = {}) {
    arguments.insert(arguments.begin(), "explain");
    arguments.emplace_back("--json");
    const JobResult result = run(arguments, variables);
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    return nlohmann::json::parse(result.out);
  }
  static nlohmann::json value_of(const nlohmann::json& plan, const std::string& path) {
    for (const auto& value : plan.at("values")) {
      if (value.at("path") == path) return value;
    }
    return nullptr;
  }
  TemporaryDirectory directory_;
};

TEST_F(DryRunTest, PrintsThePlanAndStartsNothing) {
  write_job("args: {lr: 1e-3}\n");

  const JobResult result = run({"--dry-run", "job.yaml", "--set", "elastic.grace=3s"});

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("environment    local"), HasSubstr("no scheduler was found"), HasSubstr("ranks 0 to 1"),
                    HasSubstr("strategy       ddp"), HasSubstr("start method   forkserver"),
                    HasSubstr("fabric-agent --coordinator-fd=3"), HasSubstr("fabric-worker --forkserver 3")));
  EXPECT_THAT(result.out, ::testing::ContainsRegex("args.lr +0.001 +job.yaml:4:12"));
  EXPECT_THAT(result.out, ::testing::ContainsRegex("elastic.grace +\"3s\" +--set elastic.grace"));
  EXPECT_THAT(result.out, ::testing::ContainsRegex("elastic.min_nodes +1 +default: fabric.num_nodes"));
  EXPECT_EQ(result.err, "");
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "runs"));
}

TEST_F(DryRunTest, SaysWhatIsTakenForSomethingElse) {
  write_job();

  const JobResult result = run({"explain", "job.yaml"}, {"LT_STRATEGY=dp"});

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("strategy       ddp"));
  EXPECT_THAT(result.err, HasSubstr("fabric-run: warning: LT_STRATEGY:1:1: 'fabric.strategy' dp is for accelerators"));
}

TEST_F(DryRunTest, ExplainIsTheSamePlan) {
  write_job();

  EXPECT_EQ(run({"explain", "job.yaml", "--run-id", "mine"}).out,
            run({"job.yaml", "--run-id", "mine", "--dry-run"}).out);
}

TEST_F(DryRunTest, TheJsonHasEveryValueWithItsSource) {
  write_job("profiles: {wide: {fabric: {devices: 4}}}\nworkdir: \"${env:WORK}/x\"\n");

  const auto json = plan({"job.yaml", "--profile", "wide"}, {"LT_STRATEGY=ddp", "WORK=/w"});

  EXPECT_EQ(json.at("environment").at("name"), "local");
  EXPECT_EQ(json.at("world_size"), 4);
  EXPECT_EQ(json.at("ranks").size(), 4u);
  EXPECT_EQ(json.at("ranks").at(3).at("local_rank"), 3);
  EXPECT_EQ(value_of(json, "fabric.devices").at("source"),
            (nlohmann::json{{"kind", "file"}, {"text", "job.yaml:4:37"}}));
  EXPECT_EQ(value_of(json, "fabric.strategy").at("source"),
            (nlohmann::json{{"kind", "environment"}, {"text", "LT_STRATEGY"}}));
  EXPECT_EQ(value_of(json, "workdir").at("value"), "/w/x");
  EXPECT_EQ(value_of(json, "workdir").at("source").at("macros"), "${env:WORK}");
  EXPECT_EQ(value_of(json, "elastic.lease").at("source").at("kind"), "default");
  EXPECT_EQ(value_of(json, "elastic.lease").at("value"), "1200ms");
}

TEST_F(DryRunTest, ThePlanIsWhatARunDoes) {
  write_job("env: {PROGRAM_MODE: train}\nbinding: cores\n");
  const auto json = plan({"job.yaml", "--run-id", "mine"});

  const JobResult result = run({"job.yaml", "--run-id", "mine"});

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(json.at("run_directory"), std::filesystem::weakly_canonical(result.run_directory).string());
  EXPECT_EQ(json.at("world_size"), result.report.at("ranks").size());
  const auto& started = result.events.at(0);
  EXPECT_EQ(json.at("environment").at("evidence"), started.at("evidence"));
}

TEST_F(DryRunTest, TheCommandsOfThePlanAreThoseOfARun) {
  write_job("env: {PROGRAM_MODE: wait}\nstart_method: exec\n");
  const std::vector<std::string> arguments = {"job.yaml", "--run-id", "mine", "--wrap", "/usr/bin/env", "--ranks", "1"};
  const auto json = plan(arguments);

  RunningJob job(directory_, arguments);
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  std::set<std::string> running;
  for (const pid_t pid : fabric::testing::descendants_of(job.pid())) {
    running.insert(file_text("/proc/" + std::to_string(pid) + "/cmdline"));
  }

  ASSERT_EQ(json.at("commands").size(), 3u);
  for (const auto& command : json.at("commands")) {
    std::string line;
    for (const std::string word : command.at("words")) {
      if (word != "/usr/bin/env") line += word + '\0';  // which has become what it was given
    }
    EXPECT_TRUE(running.contains(line)) << command.dump();
  }
}

TEST_F(DryRunTest, NamesTheCommandsOfRanksThatAreForkedExecutedOrWrapped) {
  write_job();
  const auto words = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "job.yaml");
    std::vector<std::string> lines;
    const auto json = plan(arguments);
    for (const auto& command : json.at("commands")) {
      std::string line;
      for (const std::string word : command.at("words"))
        line += (line.empty() ? "" : " ") + word.substr(word.rfind('/') + 1);
      lines.push_back(line);
    }
    return lines;
  };
  const auto agent = HasSubstr("fabric-agent");
  const auto forked = HasSubstr("fabric-worker --forkserver 3");

  EXPECT_THAT(words({}), ElementsAre(agent, forked));
  EXPECT_THAT(words({"--wrap", "gdb --args"}), ElementsAre(agent, "gdb --args fabric-worker"));
  EXPECT_THAT(words({"--wrap", "gdb --args", "--ranks", "1"}), ElementsAre(agent, "gdb --args fabric-worker", forked));
  EXPECT_THAT(words({"--wrap", "gdb --args", "--ranks", "0,1"}), ElementsAre(agent, "gdb --args fabric-worker"));
  write_job("start_method: exec\n");
  EXPECT_THAT(words({}), ElementsAre(agent, "fabric-worker"));
  EXPECT_THAT(words({"--wrap", "gdb --args"}), ElementsAre(agent, "gdb --args fabric-worker"));
  EXPECT_THAT(words({"--wrap", "gdb --args", "--ranks", "1"}),
              ElementsAre(agent, "gdb --args fabric-worker", "fabric-worker"));
  EXPECT_THAT(words({"--wrap", "gdb --args", "--ranks", "0,1"}), ElementsAre(agent, "gdb --args fabric-worker"));
}

TEST_F(DryRunTest, ThreadsAreANumberWhoeverDecidesThem) {
  const auto threads = [&](const std::string& more, const std::vector<std::string>& variables = {"OMP_NUM_THREADS="}) {
    write_job(more);
    return plan({"job.yaml"}, variables).at("ranks").at(0).at("threads");
  };

  EXPECT_EQ(threads("env: {OMP_NUM_THREADS: '4,2'}\n"), 4);
  EXPECT_EQ(threads("threads: 3\n", {"OMP_NUM_THREADS=7"}), 3);
  EXPECT_EQ(threads("", {"OMP_NUM_THREADS=7"}), 7);
  EXPECT_TRUE(threads("env: {OMP_NUM_THREADS: many}\n").is_number());
  EXPECT_TRUE(threads("env: {pass: [A]}\n", {"OMP_NUM_THREADS=7"}).is_number());
}

TEST_F(DryRunTest, NodesThatAreSimulatedHaveTheirShareOfTheCores) {
  const size_t cores = std::min<size_t>(process::allowed_cpus().size(), 64);
  write_job("cluster: {simulate_nodes: " + std::to_string(cores) + "}\n");

  const nlohmann::json nodes = plan({"job.yaml", "--set", "fabric.devices=1"});

  EXPECT_EQ(nodes.at("nodes").size(), cores);
  EXPECT_LE(nodes.at("nodes").at(0).at("cores").get<size_t>(), (process::allowed_cpus().size() + cores - 1) / cores);
  EXPECT_EQ(nodes.at("ranks").at(0).at("threads"), nodes.at("nodes").at(0).at("cores"));
}

TEST_F(DryRunTest, EveryFactHasASource) {
  write_job("elastic: {max_nodes: 1}\n");

  const auto json = plan({"job.yaml", "--run-dir", "elsewhere", "--run-id", "mine"}, {"LT_STRATEGY=ddp"});
  const JobResult result =
      run({"explain", "job.yaml", "--run-dir", "elsewhere", "--run-id", "mine"}, {"LT_STRATEGY=ddp"});

  std::map<std::string, std::string> sources;
  for (const auto& fact : json.at("facts")) {
    EXPECT_NE(fact.at("source"), "") << fact.dump();
    EXPECT_THAT(result.out, HasSubstr(fact.at("value").get<std::string>())) << "people read the same";
    sources.emplace(fact.at("name"), fact.at("source"));
  }
  EXPECT_EQ(sources.at("run directory"), "--run-dir; --run-id");
  EXPECT_EQ(sources.at("devices"), "job.yaml:3:37");
  EXPECT_EQ(sources.at("strategy"), "environment, LT_STRATEGY");
  EXPECT_THAT(sources.at("nodes"), HasSubstr("elastic.max_nodes: job.yaml:4:22"));
  EXPECT_EQ(sources.at("binding"), "default");
  for (const auto& command : json.at("commands")) EXPECT_NE(command.at("source"), "") << command.dump();
}

TEST_F(DryRunTest, ValidateChecksTheProgramOfEveryProfile) {
  write("text.so", "no ELF file");
  write_job("profiles: {bad: {program: text.so}, none: {program: none.so}}\n");

  const JobResult all = run({"validate", "job.yaml"});
  const JobResult one = run({"validate", "job.yaml", "--profile", "none"});

  EXPECT_EQ(all.exit_code, 78) << all.describe();
  EXPECT_THAT(all.err, AllOf(HasSubstr("with --profile bad:\nfabric-run: job.yaml:4:27: program '"),
                             HasSubstr("it is not an ELF file"), Not(HasSubstr("--profile none"))));
  EXPECT_EQ(one.exit_code, 0) << one.describe();
  EXPECT_THAT(one.out, HasSubstr("not checked: the program must be"));
}

TEST_F(DryRunTest, AnEmptyDirectoryOfRunsIsRefusedAsAnEmptyProfileIs) {
  write_job();

  EXPECT_EQ(run({"explain", "job.yaml", "--run-dir", ""}).exit_code, 2);
  EXPECT_EQ(run({"explain", "job.yaml", "--profile", ""}).exit_code, 2);
}

TEST_F(DryRunTest, RefusesWhatARunRefuses) {
  write_job();
  write("broken.yaml", "name: [\n");

  EXPECT_EQ(run({"explain", "broken.yaml"}).exit_code, 78);
  EXPECT_EQ(run({"explain", "job.yaml", "--set", "fabric.devices=0"}).exit_code, 2);
  EXPECT_EQ(run({"explain", "job.yaml", "--profile", "none"}).exit_code, 2);
  EXPECT_EQ(run({"explain", "job.yaml", "--set", "elastic.min_nodes=2"}).exit_code, 2);
  EXPECT_EQ(run({"explain"}).exit_code, 2);
}

TEST_F(DryRunTest, RanksInheritWhatTheJobPassesAndItsSecrets) {
  write_job("env: {pass: ['APP_*'], set: {PROGRAM_MODE: environment, B: 2}, secret: [TOKEN]}\n");
  const std::vector<std::string> variables = {"TOKEN=s3cret-value", "APP_MODE=fast", "OTHER=1"};

  const JobResult result = run({"job.yaml", "--no-fold"}, variables);

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, AllOf(HasSubstr("TOKEN=s3cret-value"), HasSubstr("APP_MODE=fast"), HasSubstr("B=2"),
                                HasSubstr("PATH="), Not(HasSubstr("OTHER="))));
}

TEST_F(DryRunTest, ASecretStandsInNoFileAndNoOutputOfFabric) {
  write_job("env: {set: {PROGRAM_MODE: throw}, secret: [TOKEN]}\nelastic: {max_restarts: 1}\n");
  const std::vector<std::string> variables = {"TOKEN=s3cret-value"};

  const JobResult result = run({"job.yaml", "--verbose"}, variables);
  const JobResult explained = run({"explain", "job.yaml"}, variables);
  const auto json = plan({"job.yaml"}, variables);

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(result.run_directory)) {
    if (!entry.is_regular_file()) continue;
    EXPECT_THAT(file_text(entry.path()), Not(HasSubstr("s3cret-value"))) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 5);
  EXPECT_THAT(file_text(result.run_directory / "job.yaml"), HasSubstr("secret: [\"TOKEN\"]"));
  for (const std::string& text : {result.out, result.err, explained.out, json.dump()}) {
    EXPECT_THAT(text, Not(HasSubstr("s3cret-value")));
  }
}

TEST_F(DryRunTest, ValidateChecksEveryProfile) {
  write_job("profiles: {good: {fabric: {devices: 1}}, bad: {fabric: {devices: 0}}}\n");

  const JobResult all = run({"validate", "job.yaml"});
  const JobResult one = run({"validate", "job.yaml", "--profile", "good"});

  EXPECT_EQ(all.exit_code, 78) << all.describe();
  EXPECT_THAT(all.err, AllOf(HasSubstr("with --profile bad:"), HasSubstr("job.yaml:4:66: 'fabric.devices' must")));
  EXPECT_EQ(one.exit_code, 0) << one.describe();
}

TEST_F(DryRunTest, PrintsASchemaForEditors) {
  const JobResult result = run({"schema"});

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  const auto schema = nlohmann::json::parse(result.out);
  EXPECT_EQ(schema.at("properties").at("elastic").at("properties").at("lease").at("default"), "1200ms");
}

}  // namespace
}  // namespace fabric::launcher
