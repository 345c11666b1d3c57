#include "backtrace_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const ProgramNames kProgram{"/runs/x/program/3fa9c2.so", "/home/me/build/digits.so"};

TEST(BacktraceViewTest, NamesTheProgramAsItsUserDoesAndModulesWithoutTheirDirectories) {
  EXPECT_THAT(shown_frames("Net::forward(at::Tensor)+0x1f in /runs/x/program/3fa9c2.so\n"
                           "at+0x2 in /opt/torch/lib/libtorch_cpu.so\n"
                           "+0x8aeec in /lib/x86_64-linux-gnu/libc.so.6",
                           kProgram),
              ElementsAre("at Net::forward(at::Tensor)+0x1f in digits.so", "at at+0x2 in libtorch_cpu.so",
                          "at ?+0x8aeec in libc.so.6"));
}

TEST(BacktraceViewTest, EndsWithTrainWhateverItIsCalled) {
  EXPECT_THAT(
      shown_frames(
          "at f()+0x1 in 3fa9c2.so\nat my_train(fabric::Fabric&)+0x2 in 3fa9c2.so\n"
          "at fabric::run_program(fabric::ProgramTable const&, fabric::Environment&)+0x3 in libfabric_runtime.so\n"
          "at main+0x4 in fabric-worker",
          kProgram),
      ElementsAre("at f()+0x1 in digits.so", "at my_train(fabric::Fabric&)+0x2 in digits.so"));
}

TEST(BacktraceViewTest, EndsWithTheBodyOfAThread) {
  EXPECT_THAT(
      shown_frames("f()+0x1 in /runs/x/program/3fa9c2.so\nexecute_native_thread_routine+0x2 in /lib/libstdc++.so.6",
                   kProgram),
      ElementsAre("at f()+0x1 in digits.so"));
}

TEST(BacktraceViewTest, CountsLongRunsOfLibrariesBetweenFramesOfTheProgram) {
  std::string backtrace = "at loss()+0x1 in 3fa9c2.so\n";
  for (int i = 0; i < 12; ++i) backtrace += "at c10::call()+0x1 in libtorch_cpu.so\n";
  backtrace += "at train()+0x2 in 3fa9c2.so";

  EXPECT_THAT(shown_frames(backtrace, kProgram),
              ElementsAre("at loss()+0x1 in digits.so", "at c10::call()+0x1 in libtorch_cpu.so",
                          "at c10::call()+0x1 in libtorch_cpu.so", "at c10::call()+0x1 in libtorch_cpu.so",
                          "... 9 more frames of libraries", "at train()+0x2 in digits.so"));
}

TEST(BacktraceViewTest, KeepsWhatIsNoFrame) {
  EXPECT_THAT(
      shown_frames("signal 11 (segmentation fault) at address 0x0\n... 61 more of the same\nException raised from f",
                   kProgram),
      ElementsAre("signal 11 (segmentation fault) at address 0x0", "... 61 more of the same",
                  "Exception raised from f"));
  EXPECT_THAT(shown_frames("", kProgram), IsEmpty());
}

TEST(BacktraceViewTest, StaysShort) {
  std::string backtrace;
  for (int i = 0; i < 500; ++i) backtrace += "at recurse(" + std::string(1000, 'x') + ")+0x1 in 3fa9c2.so\n";

  const std::vector<std::string> lines = shown_frames(backtrace, kProgram);

  EXPECT_THAT(lines, SizeIs(41));
  EXPECT_EQ(lines.back(), "... 460 more lines in report.json");
  EXPECT_LT(lines.front().size(), 250u);
}

}  // namespace
}  // namespace fabric::launcher
