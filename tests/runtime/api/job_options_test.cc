#include "runtime/api/job_options.h"

#include <fabric/error.h>
#include <gmock/gmock.h>

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(JobOptionsTest, ReadsArgumentsAndNames) {
  const ProgramJob job = read_program_job(
      R"({"name": "x", "args": {"epochs": 5, "lr": 0.001, "data": "d.csv", "fast": true, "none": null, "list": [1, 2]},
          "fabric": {"strategy": "ddp", "precision": 32, "devices": 2, "loggers": ["csv"], "seed": 7}})",
      "/jobs");

  EXPECT_EQ(job.arguments.get<int>("epochs"), 5);
  EXPECT_EQ(job.arguments.get<double>("lr"), 0.001);
  EXPECT_TRUE(job.arguments.get<bool>("fast"));
  EXPECT_FALSE(job.arguments.has("none"));
  EXPECT_EQ(job.arguments.get("list"), "[1,2]");
  EXPECT_EQ(job.arguments.path("data"), "/jobs/d.csv");
  EXPECT_EQ(std::get<std::string>(job.options.strategy), "ddp");
  EXPECT_EQ(std::get<std::string>(job.options.precision), "32");
  EXPECT_EQ(std::get<std::string>(job.options.accelerator), "auto");
  EXPECT_EQ(std::get<std::string>(job.options.loggers.at(0)), "csv");
  EXPECT_EQ(job.options.seed, 7u);
}

TEST(JobOptionsTest, TakesOneLoggerWithoutAList) {
  const ProgramJob job = read_program_job(R"({"fabric": {"loggers": "csv"}})", "/");

  EXPECT_EQ(job.options.loggers.size(), 1u);
}

TEST(JobOptionsTest, NamesTheKeyOfAWrongKind) {
  const auto read = [](const char* json) { return [json] { read_program_job(json, "/"); }; };

  EXPECT_THAT(read("[1]"), ThrowsMessage<UsageError>(HasSubstr("must be a JSON object")));
  EXPECT_THAT(read("{"), ThrowsMessage<UsageError>(HasSubstr("must be a JSON object")));
  EXPECT_THAT(read(R"({"args": 3})"), ThrowsMessage<UsageError>(HasSubstr("'args' of the job must be a map")));
  EXPECT_THAT(read(R"({"fabric": {"strategy": []}})"), ThrowsMessage<UsageError>(HasSubstr("'fabric.strategy'")));
  EXPECT_THAT(read(R"({"fabric": {"loggers": [1]}})"), ThrowsMessage<UsageError>(HasSubstr("'fabric.loggers'")));
  EXPECT_THAT(read(R"({"fabric": {"seed": -1}})"), ThrowsMessage<UsageError>(HasSubstr("'fabric.seed'")));
}

TEST(JobOptionsTest, ReadsThePolicyOfCheckpoints) {
  const CheckpointPolicy policy =
      read_program_job(R"({"checkpoint": {"every_steps": 100, "every": "10m", "keep_last": 3, "best": "loss",
                                          "best_mode": "max", "keep_best": 2, "resume_from": "/a/b.ckpt"}})",
                       "/")
          .options.checkpoint;
  EXPECT_EQ(policy.every_steps, 100);
  EXPECT_EQ(policy.every, std::chrono::minutes(10));
  EXPECT_EQ(policy.keep_last, 3);
  EXPECT_EQ(policy.best, "loss");
  EXPECT_TRUE(policy.best_is_max);
  EXPECT_EQ(policy.keep_best, 2);
  EXPECT_EQ(policy.resume_from, "/a/b.ckpt");

  const CheckpointPolicy open =
      read_program_job(R"({"checkpoint": {"every_steps": "never", "every": "never", "keep_last": "all"}})", "/")
          .options.checkpoint;
  EXPECT_FALSE(open.every_steps || open.every || open.keep_last);
  EXPECT_THAT([] { read_program_job(R"({"checkpoint": {"every": "10"}})", "/"); },
              ThrowsMessage<UsageError>(HasSubstr("'checkpoint.every'")));
}

TEST(JobOptionsTest, KnowsTheShortFormsOfPrecisions) {
  EXPECT_EQ(precision_name("32"), "32-true");
  EXPECT_EQ(precision_name("bf16"), "bf16-mixed");
  EXPECT_EQ(precision_name("16-true"), "16-true");
}

}  // namespace
}  // namespace fabric
