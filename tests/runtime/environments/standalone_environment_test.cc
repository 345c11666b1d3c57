#include "runtime/environments/standalone_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using fabric::testing::TemporaryDirectory;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

json parse(const std::vector<std::string>& arguments) {
  return json::parse(parse_standalone_job("bin/digits", arguments).job_json);
}

TEST(StandaloneJobTest, IsNamedAfterItsProgramAndLiesWhereItWasStarted) {
  const StandaloneJob job = parse_standalone_job("./bin/digits", {});

  EXPECT_EQ(job.name, "digits");
  EXPECT_EQ(std::filesystem::path(job.job_directory).lexically_relative(std::filesystem::current_path()), ".");
  EXPECT_EQ(json::parse(job.job_json), json::parse(R"({"name": "digits", "args": {}, "fabric": {}})"));
}

TEST(StandaloneJobTest, TakesValuesWithAnEqualsSignOrABlankAndFlags) {
  const json args = parse({"--data=a=b.gz", "--epochs", "5", "--verbose", "--lr=-0.5", "--name", "x y"}).at("args");

  EXPECT_EQ(args, json::parse(R"({"data": "a=b.gz", "epochs": 5, "verbose": true, "lr": -0.5, "name": "x y"})"));
}

TEST(StandaloneJobTest, ReadsOnlyNumbersAndTruthValuesByType) {
  const json args = parse({"--a=1e3", "--b=false", "--c=[1]", "--d=null", "--e=01", "--f="}).at("args");

  EXPECT_EQ(args, json::parse(R"({"a": 1000.0, "b": false, "c": "[1]", "d": "null", "e": "01", "f": ""})"));
}

TEST(StandaloneJobTest, PutsFabricsOwnWordsWhereTheyBelong) {
  const json job = parse({"--fabric.precision=32-true", "--epochs=1"});

  EXPECT_EQ(job.at("fabric"), json::parse(R"({"precision": "32-true"})"));
  EXPECT_EQ(job.at("args"), json::parse(R"({"epochs": 1})"));
}

TEST(StandaloneJobTest, LaysArgumentsOverTheJobFile) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("job.json")) << R"({"name": "mine", "args": {"epochs": 3, "lr": 0.1}})";

  const StandaloneJob job = parse_standalone_job("digits", {"--epochs=9", "--job", directory.file("job.json")});

  EXPECT_EQ(job.name, "mine");
  EXPECT_EQ(job.job_directory, directory.path().string());
  EXPECT_EQ(json::parse(job.job_json).at("args"), json::parse(R"({"epochs": 9, "lr": 0.1})"));
}

TEST(StandaloneJobTest, RefusesWhatIsNoOption) {
  EXPECT_THAT([] { parse({"epochs=5"}); }, ThrowsMessage<UsageError>(HasSubstr("'epochs=5'")));
  EXPECT_THROW(parse({"--"}), UsageError);
  EXPECT_THROW(parse({"--=5"}), UsageError);
}

TEST(StandaloneJobTest, RefusesJobFilesThatAreMissingOrNoJob) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("list.json")) << "[1]";
  std::ofstream(directory.file("args.json")) << R"({"args": 5})";
  std::ofstream(directory.file("name.json")) << R"({"name": "a/b"})";

  EXPECT_THROW(parse({"--job", directory.file("none.json")}), UsageError);
  EXPECT_THROW(parse({"--job", directory.file("list.json")}), UsageError);
  EXPECT_THROW(parse({"--job", directory.file("args.json")}), UsageError);
  EXPECT_THROW(parse({"--job", directory.file("name.json")}), UsageError);
}

TEST(StandaloneEnvironmentTest, IsAWorldOfOneRank) {
  TemporaryDirectory directory;

  StandaloneEnvironment environment(parse_standalone_job("digits", {}), directory.file("runs"));

  EXPECT_EQ(environment.name(), "standalone");
  EXPECT_EQ(environment.global_rank(), 0);
  EXPECT_EQ(environment.world_size(), 1);
  EXPECT_EQ(environment.num_nodes(), 1);
  environment.store()->set("key", "value");
  EXPECT_EQ(environment.store()->get_to_str("key"), "value");
}

TEST(StandaloneEnvironmentTest, GivesEveryRunADirectoryOfItsOwn) {
  TemporaryDirectory directory;
  const StandaloneJob job = parse_standalone_job("digits", {});

  const StandaloneEnvironment first(job, directory.file("runs")), second(job, directory.file("runs"));

  EXPECT_TRUE(std::filesystem::is_directory(first.run_directory()));
  EXPECT_THAT(first.run_directory(), HasSubstr("/runs/digits-"));
  EXPECT_NE(first.run_directory(), second.run_directory());
}

TEST(StandaloneEnvironmentTest, ReportsADirectoryThatCannotBeMade) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("runs")) << "a file";

  EXPECT_THROW(StandaloneEnvironment(parse_standalone_job("digits", {}), directory.file("runs")), SystemError);
}

TEST(StandaloneEnvironmentTest, TheFirstInterruptStopsAtTheEndOfAStepAndTheSecondOneAtOnce) {
  const TemporaryDirectory directory;
  std::signal(SIGINT, SIG_DFL);  // a shell ignores it for what it runs in the background
  StandaloneEnvironment environment(parse_standalone_job("digits", {}), directory.path().string());
  EXPECT_FALSE(environment.stops_after(1));

  std::raise(SIGINT);

  EXPECT_TRUE(environment.should_stop());
  EXPECT_TRUE(environment.stops_after(2));
  struct sigaction second {};
  ::sigaction(SIGINT, nullptr, &second);
  EXPECT_EQ(second.sa_handler, SIG_DFL);
}

TEST(StandaloneEnvironmentTest, LeavesInterruptsToProgramsThatHandleThem) {
  const TemporaryDirectory directory;
  std::signal(SIGINT, SIG_IGN);
  StandaloneEnvironment environment(parse_standalone_job("digits", {}), directory.path().string());

  EXPECT_FALSE(environment.stops_after(1));
  std::raise(SIGINT);

  EXPECT_FALSE(environment.stops_after(2));
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace
}  // namespace fabric
