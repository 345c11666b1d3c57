// The real fabric-run, asked what it would do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/fabric_run.h"

namespace fabric::launcher {
namespace {

using fabric::testing::JobResult;
using fabric::testing::JobStart;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string file_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

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
    arguments.push_back("--json");
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

TEST_F(DryRunTest, NamesTheCommandsOfRanksThatAreExecutedOrWrapped) {
  write_job("start_method: exec\n");
  const auto words = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> lines;
    const auto json = plan(arguments);
    for (const auto& command : json.at("commands")) {
      std::string line;
      for (const auto& word : command.at("words")) {
        const std::string text = word;
        line += (line.empty() ? "" : " ") + text.substr(text.rfind('/') + 1);
      }
      lines.push_back(line);
    }
    return lines;
  };

  EXPECT_THAT(words({"job.yaml"}), ElementsAre(HasSubstr("fabric-agent"), "fabric-worker"));
  EXPECT_THAT(words({"job.yaml", "--wrap", "gdb --args", "--ranks", "1"}),
              ElementsAre(HasSubstr("fabric-agent"), "gdb --args fabric-worker", "fabric-worker"));
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
