#include "accelerator_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(AcceleratorsTest, AreReadFromTheWorkersJson) {
  const Accelerators accelerators = parse_accelerators(
      R"({"accelerators":[{"kind":"cuda","index":1,"name":"H100","memory_bytes":85899345920,"numa_node":0}],"note":""})");

  ASSERT_EQ(accelerators.found.size(), 1u);
  EXPECT_EQ(accelerators.found[0].kind, "cuda");
  EXPECT_EQ(accelerators.found[0].index, 1);
  EXPECT_EQ(accelerators.found[0].memory_bytes, 85899345920u);
  EXPECT_EQ(accelerators.found[0].numa_node, 0);
  EXPECT_EQ(accelerators.note, "");
}

TEST(AcceleratorsTest, AreNoneWithAReasonWhereTheOutputIsNotThat) {
  for (const char* text : {"", "driver says hello", "[]", R"({"accelerators":3})"}) {
    const Accelerators accelerators = parse_accelerators(text);
    EXPECT_TRUE(accelerators.found.empty());
    EXPECT_THAT(accelerators.note, HasSubstr("--probe")) << text;
  }
}

TEST(AcceleratorsTest, SurviveFieldsOfAnotherType) {
  const Accelerators accelerators = parse_accelerators(R"({"accelerators":[{"kind":3,"index":"x"},7],"note":[]})");

  ASSERT_EQ(accelerators.found.size(), 1u);
  EXPECT_EQ(accelerators.found[0].index, 0);
}

class AcceleratorProbeTest : public ::testing::Test {
 protected:
  AcceleratorProbeTest() : loop_(std::move(*process::EventLoop::create(clock_))) {}

  // Probes with a worker that is the shell script `body`.
  Accelerators probe(const std::string& body, Nanoseconds timeout = 10s) {
    AcceleratorProbe::Options options;
    options.worker = directory_.file("worker");
    options.environment = {"PATH=/usr/bin:/bin"};
    options.nvidia_control = "/dev/null";  // is there
    options.timeout = timeout;
    std::ofstream(options.worker) << "#!/bin/sh\n" << body;
    ::chmod(options.worker.c_str(), 0755);
    Accelerators result;
    AcceleratorProbe probe(*loop_, options);
    bool done = false;
    probe.start([&](Accelerators accelerators) {
      EXPECT_FALSE(done);
      done = true;
      result = std::move(accelerators);
      loop_->stop();
    });
    loop_->run();
    return result;
  }

  SystemClock clock_;
  std::unique_ptr<process::EventLoop> loop_;
  testing::TemporaryDirectory directory_;
};

TEST_F(AcceleratorProbeTest, TakesWhatTheWorkerPrints) {
  const Accelerators accelerators =
      probe(R"(test "$1" = --probe && echo '{"accelerators":[{"kind":"cuda","name":"H100"}]}')");

  ASSERT_EQ(accelerators.found.size(), 1u);
  EXPECT_EQ(accelerators.found[0].name, "H100");
}

TEST_F(AcceleratorProbeTest, SaysWhyAWorkerFailed) { EXPECT_NE(probe("exit 3").note, ""); }

TEST_F(AcceleratorProbeTest, DoesNotWaitForADriverThatHangs) {
  EXPECT_THAT(probe("sleep 1000", 20ms).note, HasSubstr("within 20 ms"));
}

}  // namespace
}  // namespace fabric::agent
