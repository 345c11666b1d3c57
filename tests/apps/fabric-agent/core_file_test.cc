#include "core_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "support/kernel_files.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;

class CoreFileTest : public ::testing::Test {
 protected:
  void set_pattern(const std::string& pattern) { files_.write("/proc/sys/kernel/core_pattern", pattern + "\n"); }
  std::string core_file() const {
    return core_file_of({12, 11, files_.path("/work[1]"), start_ns_}, files_.node_files());
  }

  testing::KernelFiles files_;
  int64_t start_ns_ = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
};

TEST_F(CoreFileTest, LooksInTheWorkingDirectoryOfTheRank) {
  set_pattern("core");
  EXPECT_EQ(core_file(), "") << "only a file that is there is named";

  files_.write("/work[1]/core", "ELF");

  EXPECT_EQ(core_file(), files_.path("/work[1]/core"));
}

TEST_F(CoreFileTest, FillsInProcessAndSignalAndTakesTheRestAsItIs) {
  set_pattern(files_.path("/cores/%e-%p-%s-%t%%"));
  files_.write("/cores/train-13-11-1700000000%", "another process");
  files_.write("/cores/train-12-11-1700000000%", "ELF");

  EXPECT_EQ(core_file(), files_.path("/cores/train-12-11-1700000000%"));
}

TEST_F(CoreFileTest, KnowsThatTheKernelMayAddTheProcess) {
  set_pattern("core");
  files_.write("/proc/sys/kernel/core_uses_pid", "1\n");
  files_.write("/work[1]/core", "another one");
  files_.write("/work[1]/core.12", "ELF");

  EXPECT_EQ(core_file(), files_.path("/work[1]/core.12"));
}

TEST_F(CoreFileTest, LeavesOutACoreFromBeforeItsTime) {
  set_pattern("core");
  files_.write("/work[1]/core", "ELF");
  std::filesystem::last_write_time(files_.path("/work[1]/core"), std::filesystem::file_time_type::clock::now() - 1h);

  EXPECT_EQ(core_file(), "");
}

TEST_F(CoreFileTest, SaysWhoGotTheCoreAndHowToSeeIt) {
  set_pattern("|/usr/lib/systemd/systemd-coredump %P %u %g %s %t 9223372036854775808 %h");
  EXPECT_EQ(core_file(), "handed to /usr/lib/systemd/systemd-coredump; `coredumpctl info 12` shows it");

  set_pattern("|/usr/share/apport/apport -p%p");

  EXPECT_EQ(core_file(), "handed to /usr/share/apport/apport");
}

}  // namespace
}  // namespace fabric::agent
