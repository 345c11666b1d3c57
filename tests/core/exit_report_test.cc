#include "core/exit_report.h"

#include <gtest/gtest.h>

#include <csignal>

namespace fabric {
namespace {

ExitReport report_of_rank_1() {
  ExitReport report;
  report.global_rank = 1;
  report.hostname = "node0";
  report.pid = 12;
  return report;
}

TEST(ExitReportTest, NamesTheSignal) {
  ExitReport report = report_of_rank_1();
  report.signal = SIGSEGV;
  report.core_dumped = true;

  EXPECT_EQ(describe(report), "rank 1 on node0 (pid 12) was killed by SIGSEGV (Segmentation fault), core dumped");
  EXPECT_EQ(report.shell_code(), 139);
  EXPECT_FALSE(report.ok());
}

TEST(ExitReportTest, NamesTheException) {
  ExitReport report = report_of_rank_1();
  report.exit_code = 1;
  report.exception_type = "std::runtime_error";
  report.message = "no data";

  EXPECT_EQ(describe(report),
            "rank 1 on node0 (pid 12) ended with exit code 1 after an uncaught std::runtime_error: no data");
  EXPECT_EQ(report.shell_code(), 1);
}

TEST(ExitReportTest, NamesTheExceptionBehindASignal) {
  ExitReport report = report_of_rank_1();
  report.signal = SIGABRT;
  report.exception_type = "int";
  report.message = "42";

  EXPECT_EQ(describe(report), "rank 1 on node0 (pid 12) was killed by SIGABRT (Aborted) after an uncaught int: 42");
}

TEST(ExitReportTest, SaysThatTheKernelWantedMemory) {
  ExitReport report = report_of_rank_1();
  report.signal = SIGKILL;
  report.out_of_memory = "the kernel's memory killer ended 1 process";

  EXPECT_EQ(describe(report), "rank 1 on node0 (pid 12) was killed by the kernel for want of memory (SIGKILL)");
}

TEST(ExitReportTest, HasOneLineWhateverTheMessage) {
  ExitReport report = report_of_rank_1();
  report.exit_code = 1;
  report.message = std::string(1000, 'x') + "\nsecond line";

  EXPECT_EQ(describe(report), "rank 1 on node0 (pid 12) ended with exit code 1: " + std::string(300, 'x') + "...");
}

TEST(ExitReportTest, KeepsTheProgramsOwnCode) {
  ExitReport report = report_of_rank_1();
  report.exit_code = 42;

  EXPECT_EQ(describe(report), "rank 1 on node0 (pid 12) ended with exit code 42");
  EXPECT_EQ(report.shell_code(), 42);
}

}  // namespace
}  // namespace fabric
