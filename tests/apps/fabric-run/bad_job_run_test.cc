// The real fabric-run with jobs that it must refuse: those of tests/job/bad, which the reader refuses, and those of
// tests/job/bad_run, whose program or surroundings are wrong.

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/concat.h"
#include "job/bad_job.h"
#include "support/fabric_run.h"
#include "support/file_text.h"

namespace fabric::launcher {
namespace {

using fabric::testing::bad_job_files;
using fabric::testing::BadJob;
using fabric::testing::file_text;
using fabric::testing::JobResult;
using fabric::testing::JobStart;
using fabric::testing::read_bad_job;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using ::testing::HasSubstr;

/// Programs that are none, each wrong in a way of its own.
void write_programs(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory / "directory.so");
  std::filesystem::copy_file(FABRIC_NOTED_PROGRAM, directory / "noted.so");
  std::filesystem::copy_file(FABRIC_PLAIN_LIBRARY, directory / "plain.so");
  std::ofstream(directory / "text.so") << "no ELF file";
  std::ofstream(directory / "empty.so") << "";
  std::string bytes = file_text(FABRIC_NOTED_PROGRAM);
  std::ofstream(directory / "cut.so", std::ios::binary) << bytes.substr(0, 70);
  const auto with = [&](size_t offset, uint16_t value) {
    std::string changed = bytes;
    std::memcpy(changed.data() + offset, &value, sizeof value);
    return changed;
  };
  std::ofstream(directory / "executable.so", std::ios::binary) << with(offsetof(Elf64_Ehdr, e_type), ET_EXEC);
  const auto with_note = [&](const std::string& item) {
    std::string changed = bytes;
    for (size_t at = changed.find("abi=1;"); at != std::string::npos; at = changed.find("abi=1;", at + 1)) {
      changed.replace(at, item.size(), item);
    }
    return changed;
  };
  std::ofstream(directory / "equals.so", std::ios::binary) << with_note("abi:1;");
  std::ofstream(directory / "abi.so", std::ios::binary) << with_note("xbi=1;");
  std::filesystem::create_symlink(directory / "not there", directory / "dangling");
  std::ofstream(directory / "machine.so", std::ios::binary) << with(offsetof(Elf64_Ehdr, e_machine), EM_MIPS);
}

std::string as_printed(const std::string& message) {
  std::string text;
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) text += "fabric-run: " + line + "\n";
  return text;
}

class BadJobRunTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadJobRunTest, EndsAtOnceWithOneMessageAndStartsNothing) {
  TemporaryDirectory directory, files;
  write_programs(files.path());
  const BadJob bad = read_bad_job(GetParam(), files.path().string());
  std::ofstream(directory.file("job.yaml"), std::ios::binary) << bad.text;
  std::vector<std::string> arguments = {"job.yaml"};
  arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
  JobStart start{.wrapper = {"/usr/bin/env"}};
  for (const auto& [name, value] : bad.variables) start.wrapper.push_back(concat(name, '=', value));

  const JobResult result = RunningJob(directory, arguments, start).wait();

  EXPECT_EQ(result.exit_code, bad.exit_code) << result.describe();
  EXPECT_EQ(result.err, as_printed(bad.expected));
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "runs"));
  std::istringstream lines(bad.expected);
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(fabric::testing::missing_parts(line), "") << line;
}

std::vector<std::filesystem::path> all_bad_files() {
  std::vector<std::filesystem::path> files = bad_job_files(FABRIC_BAD_JOBS_DIR);
  for (const auto& file : bad_job_files(FABRIC_BAD_RUNS_DIR)) files.push_back(file);
  return files;
}

INSTANTIATE_TEST_SUITE_P(Files, BadJobRunTest, ::testing::ValuesIn(all_bad_files()),
                         [](const auto& file) { return file.param.stem().string(); });

TEST(BadJobFilesTest, ThereAreAHundredAndMore) { EXPECT_GE(all_bad_files().size(), 100u); }

class BadPlaceTest : public ::testing::Test {
 protected:
  JobResult run(const std::vector<std::string>& arguments, const JobStart& start = {}) {
    return RunningJob(directory_, arguments, start).wait();
  }
  void write_job(const std::string& more = "") {
    std::ofstream(directory_.file("job.yaml")) << "name: x\nprogram: " << FABRIC_NOTED_PROGRAM << '\n' << more;
  }
  TemporaryDirectory directory_;
};

TEST_F(BadPlaceTest, RefusesWhatIsNoJobFile) {
  std::ofstream(directory_.file("long.yaml")) << std::string(10 << 20, '#');
  std::filesystem::create_directory(directory_.file("directory"));
  ASSERT_EQ(::mkfifo(directory_.file("pipe").c_str(), 0600), 0);
  const std::vector<std::pair<const char*, const char*>> kExpected = {
      {"long.yaml", "must be at most 1048576 bytes, but is longer; put data into a file of its own"},
      {"directory", "must be a file, but is a directory; name the job.yaml in it"},
      {"pipe", "must be a regular file, but is a device or a pipe; write it into a file"},
      {"none.yaml",
       "must be a file that can be read, but fabric-run cannot open it: No such file or directory; check the path"}};

  for (const auto& [name, message] : kExpected) {
    const JobResult result = run({name});

    EXPECT_EQ(result.exit_code, 78) << result.describe();
    EXPECT_EQ(result.err, std::string("fabric-run: ") + name + ":1:1: a job " + message + "\n");
  }
}

TEST_F(BadPlaceTest, RefusesARunThatAlreadyIs) {
  write_job();
  std::filesystem::create_directories(directory_.path() / "runs" / "mine");

  const JobResult result = run({"job.yaml", "--run-id", "mine"});

  EXPECT_EQ(result.exit_code, 2) << result.describe();
  EXPECT_THAT(
      result.err,
      HasSubstr("fabric-run: --run-id:1:1: a run's directory must be new, or that of a run that was cut off, but"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "runs" / "mine"));
}

/// A file system of a few pages, while it lives.
class TinyDisk {
 public:
  explicit TinyDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    error_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=12k") == 0 ? 0 : errno;
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  ~TinyDisk() {
    if (error_ == 0) ::umount2(path_.c_str(), MNT_DETACH);
  }
  int error() const { return error_; }

 private:
  std::string path_;
  int error_ = 0;
};

TEST_F(BadPlaceTest, AFullDiskIsSeenBeforeAnythingStarts) {
  const TinyDisk disk(directory_.file("disk"));
  if (disk.error() != 0) GTEST_SKIP() << "needs to mount a tmpfs: " << std::strerror(disk.error());
  write_job("output: {directory: disk/runs}\n");

  const JobResult result = run({"job.yaml"});

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(result.err,
              HasSubstr("fabric-run: job.yaml:3:21: the run's directory must be one that can be made and written"));
  EXPECT_THAT(result.err, HasSubstr("No space left on device; make room there"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "disk" / "runs")) << "what was made is gone";
}

TEST_F(BadPlaceTest, ALimitOfFileSizesIsSeenBeforeAnythingStarts) {
  write_job();
  const JobStart start{.wrapper = {"/bin/bash", "-c", "ulimit -f 4; exec \"$@\"", "bash"}};  // KiB

  const JobResult result = run({"job.yaml"}, start);

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("File too large; make room there"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "runs"));
}

}  // namespace
}  // namespace fabric::launcher
