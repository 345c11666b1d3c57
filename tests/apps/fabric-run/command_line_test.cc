#include "command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/version.h"

namespace fabric::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class T>
T parsed(std::vector<std::string> arguments) {
  Command command = parse_command_line(std::move(arguments));
  T* const wanted = std::get_if<T>(&command);
  EXPECT_NE(wanted, nullptr) << "alternative " << command.index();
  return wanted == nullptr ? T() : *wanted;
}

TEST(CommandLineTest, TakesAJobAndItsOptionsInAnyOrder) {
  const auto run = parsed<RunCommand>(
      {"--set", "args.a=1", "--json", "job.yaml", "--run-id", "mine", "--set", "args.b=2", "--run-dir", "/runs"});

  EXPECT_EQ(run.job, "job.yaml");
  EXPECT_THAT(run.overrides, ElementsAre("args.a=1", "args.b=2"));
  EXPECT_EQ(run.run_id, "mine");
  EXPECT_EQ(run.runs_directory, "/runs");
  EXPECT_TRUE(run.json);
  EXPECT_TRUE(run.color);
  EXPECT_TRUE(run.fold);
  EXPECT_TRUE(run.live);
  EXPECT_FALSE(run.verbose);
}

TEST(CommandLineTest, TurnsOffWhatMakesOutputPretty) {
  const auto run = parsed<RunCommand>({"job.yaml", "--no-color", "--no-fold", "--no-live"});

  EXPECT_FALSE(run.color);
  EXPECT_FALSE(run.fold);
  EXPECT_FALSE(run.live);
}

TEST(CommandLineTest, TakesACommandThatRunsRanks) {
  const auto one = parsed<RunCommand>({"job.yaml", "--wrap", "gdb -ex 'b train' --args", "--ranks", "2-3,0"});
  const auto all = parsed<RunCommand>({"--wrap=perf stat", "job.yaml"});

  EXPECT_THAT(one.wrapper, ElementsAre("gdb", "-ex", "b train", "--args"));
  EXPECT_THAT(one.wrapped_ranks, ElementsAre(0, 2, 3));
  EXPECT_EQ(one.job, "job.yaml");
  EXPECT_THAT(all.wrapper, ElementsAre("perf", "stat"));
  EXPECT_THAT(all.wrapped_ranks, IsEmpty());
}

TEST(CommandLineTest, SaysWhatIsWrongWithACommandThatRunsRanks) {
  const auto said = [](std::vector<std::string> arguments) { return parsed<EndCommand>(std::move(arguments)).err; };

  EXPECT_THAT(said({"job.yaml", "--wrap", "gdb 'x"}), HasSubstr("--wrap: a quote must have an end"));
  EXPECT_THAT(said({"job.yaml", "--wrap", " "}), HasSubstr("--wrap: must be a command, but is empty"));
  EXPECT_THAT(said({"job.yaml", "--wrap", "gdb", "--ranks", "1,x"}), HasSubstr("--ranks: must be global ranks"));
  EXPECT_THAT(said({"job.yaml", "--ranks", "1"}), HasSubstr("--ranks requires --wrap"));
}

TEST(CommandLineTest, ExplainsWhatADryRunPrints) {
  const auto explain = parsed<RunCommand>({"explain", "job.yaml", "--profile", "laptop", "--json"});
  const auto dry_run = parsed<RunCommand>({"--dry-run", "job.yaml"});

  EXPECT_TRUE(explain.dry_run);
  EXPECT_TRUE(explain.json);
  EXPECT_EQ(explain.profile, "laptop");
  EXPECT_TRUE(dry_run.dry_run);
  EXPECT_FALSE(parsed<RunCommand>({"./explain"}).dry_run) << "a job may have any name";
  EXPECT_THAT(parsed<EndCommand>({"explain", "--help"}).out, HasSubstr("Starts nothing"));
  EXPECT_EQ(parsed<EndCommand>({"job.yaml", "--profile", ""}).exit_code, 2);
}

TEST(CommandLineTest, PrintsASchemaOfNoJob) {
  parsed<SchemaCommand>({"schema"});
  EXPECT_EQ(parsed<EndCommand>({"schema", "job.yaml"}).exit_code, 2);
}

TEST(CommandLineTest, ValidatesAJobThatMayHaveAnyName) {
  EXPECT_EQ(parsed<ValidateCommand>({"validate", "validate"}).job, "validate");
  EXPECT_EQ(parsed<RunCommand>({"./validate"}).job, "./validate");
}

TEST(CommandLineTest, TellsVersionAndHelpOnStdout) {
  EXPECT_EQ(parsed<EndCommand>({"--version"}).out, std::string("fabric-run ") + kVersion + "\n");
  EXPECT_EQ(parsed<EndCommand>({"--version"}).exit_code, 0);
  EXPECT_THAT(parsed<EndCommand>({"--help"}).out, HasSubstr("128 + N"));
  EXPECT_THAT(parsed<EndCommand>({"validate", "--help"}).out, HasSubstr("fabric-run validate"));
}

TEST(CommandLineTest, RefusesWhatIsWrongOnStderr) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"a.yaml", "b.yaml"},
                                                       {"a.yaml", "--unknown"},
                                                       {"a.yaml", "--set"},
                                                       {"a.yaml", "--run-id", "a/b"},
                                                       {"a.yaml", "--run-id", "latest"},
                                                       {"a.yaml", "--ranks", "0"},
                                                       {"a.yaml", "--wrap", "gdb", "--ranks", "x"},
                                                       {"validate"}};
  for (const auto& arguments : wrong) {
    const auto end = parsed<EndCommand>(arguments);
    EXPECT_EQ(end.exit_code, 2);
    EXPECT_FALSE(end.err.empty());
    EXPECT_TRUE(end.out.empty());
  }
}

}  // namespace
}  // namespace fabric::launcher
