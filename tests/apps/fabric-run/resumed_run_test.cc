#include "resumed_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temporary_directory.h"

namespace fabric::launcher {
namespace {

using ::testing::HasSubstr;

class ResumedRunTest : public ::testing::Test {
 protected:
  /// Makes a run as fabric-run leaves one, active so many seconds ago.
  std::string make_run(const std::string& id, const std::string& job_name, int seconds_ago) {
    const auto path = directory_.path() / "runs" / id;
    std::filesystem::create_directories(path);
    std::ofstream(path / "job.yaml") << "name: \"" << job_name << "\"\nprogram: \"/a.so\"\n";
    std::ofstream(path / "journal") << "journal 1 " << id << '\n';
    std::ofstream(path / "events.jsonl") << "{}\n";
    std::filesystem::last_write_time(path / "events.jsonl",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds_ago));
    return path.string();
  }
  std::string runs() const { return directory_.file("runs"); }
  testing::TemporaryDirectory directory_;
};

TEST_F(ResumedRunTest, LastIsTheRunOfThisJobThatWasActiveLast) {
  make_run("b-old", "b", 30);
  make_run("b-new", "b", 20);
  make_run("a-newest", "a", 10);
  std::filesystem::create_symlink("a-newest", runs() + "/latest");

  EXPECT_EQ(*resumed_run_id("last", runs(), "b"), "b-new");
  EXPECT_EQ(*resumed_run_id("b-old", runs(), "b"), "b-old");
  EXPECT_EQ(*resumed_run_id("a-newest", runs(), "b"), "a-newest") << "by its name it may be another job's";
}

TEST_F(ResumedRunTest, NamesTheRunsThatThereAre) {
  make_run("b-old", "b", 30);
  make_run("b-new", "b", 20);

  EXPECT_THAT(resumed_run_id("last", runs(), "c").status().message(),
              HasSubstr("has none of job 'c'; the latest are b-new, b-old"));
  EXPECT_THAT(resumed_run_id("x", directory_.file("none"), "c").status().message(), HasSubstr("there are none"));
}

TEST_F(ResumedRunTest, APathIsARunOrACheckpoint) {
  const std::string run = make_run("mine", "b", 0);
  std::ofstream(directory_.file("epoch-3.ckpt")) << "x";

  const auto of_run = resume_path_of("runs/mine/", directory_.path().string());
  const auto of_file = resume_path_of("epoch-3.ckpt", directory_.path().string());
  const auto of_name = resume_path_of("mine", directory_.path().string());
  const auto of_nothing = resume_path_of("./none", directory_.path().string());

  ASSERT_TRUE(of_run.ok() && of_run->has_value());
  EXPECT_EQ((*of_run)->path, run);
  EXPECT_TRUE((*of_run)->is_run);
  ASSERT_TRUE(of_file.ok() && of_file->has_value());
  EXPECT_EQ((*of_file)->path, directory_.file("epoch-3.ckpt"));
  EXPECT_FALSE((*of_file)->is_run);
  ASSERT_TRUE(of_name.ok());
  EXPECT_FALSE(of_name->has_value());
  EXPECT_THAT(of_nothing.status().message(), HasSubstr("nothing is at '"));
}

TEST_F(ResumedRunTest, KeepsReportsAndJobsOfEarlierLives) {
  const RunDirectory run{make_run("mine", "b", 0)};
  for (const char* report : {"first", "second"}) {
    std::ofstream(run.file("report.json")) << report;
    std::ofstream(run.file("job.yaml")) << report;
    ASSERT_TRUE(reopen_run_directory(run).ok());
  }

  const auto text = [&](const char* name) {
    std::string line;
    std::ifstream file(run.file(name));
    std::getline(file, line);
    return line;
  };
  EXPECT_FALSE(std::filesystem::exists(run.file("report.json")));
  EXPECT_EQ(text("report-1.json"), "first");
  EXPECT_EQ(text("report-2.json"), "second");
  EXPECT_EQ(text("job-2.yaml"), "second");
}

}  // namespace
}  // namespace fabric::launcher
