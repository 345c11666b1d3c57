#include "frames/codec.h"

#include <gtest/gtest.h>

#include <random>

#include "frames/messages.h"

namespace fabric::frames {
namespace {

Assignment example_assignment() {
  Assignment assignment;
  assignment.local_rank = 1;
  assignment.plan.generation = {2, 7};
  assignment.plan.run_id = "digits-1";
  assignment.plan.world_size = 4;
  assignment.plan.first_global_rank = 2;
  assignment.plan.env = {{"A", "1"}, {"B", ""}};
  assignment.plan.job_json = R"({"args": {}})";
  return assignment;
}

TEST(CodecTest, CarriesAnAssignmentThere) {
  const std::string bytes = encode(SupervisorMessage(example_assignment()));

  const auto decoded = decode<SupervisorMessage>(bytes);

  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  const auto& assignment = std::get<Assignment>(*decoded);
  EXPECT_EQ(assignment.global_rank(), 3);
  EXPECT_EQ(assignment.plan.generation, (GenerationId{2, 7}));
  EXPECT_EQ(assignment.plan.env.at("A"), "1");
  EXPECT_EQ(encode(SupervisorMessage(assignment)), bytes);
}

TEST(CodecTest, CarriesNestedVariantsAndBinaryStrings) {
  RankExited exited;
  exited.report.last_log_lines = {"one", std::string("t\0wo", 4)};
  exited.report.killed_by_us = true;

  const auto decoded = decode<FromSupervisor>(encode(FromSupervisor(AgentMessage(exited))));

  ASSERT_TRUE(decoded.ok());
  const auto& report = std::get<RankExited>(std::get<AgentMessage>(*decoded)).report;
  EXPECT_EQ(report.last_log_lines, exited.report.last_log_lines);
  EXPECT_TRUE(report.killed_by_us);
}

TEST(CodecTest, RefusesEveryTruncation) {
  const std::string bytes = encode(SupervisorMessage(example_assignment()));

  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode<SupervisorMessage>(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
}

TEST(CodecTest, RefusesBytesLeftOver) {
  const auto decoded = decode<WorkerMessage>(encode(WorkerMessage(WorkerStep{4})) + "x");

  EXPECT_EQ(decoded.status().code(), StatusCode::kDataLoss);
}

TEST(CodecTest, RefusesAnUnknownAlternativeAndAnImpossibleBool) {
  EXPECT_FALSE(decode<WorkerMessage>(std::string("\x63")).ok());

  std::string bytes = encode(RankExited{});
  const std::string twos(bytes.size(), '\x02');  // whichever byte is a bool, it is 2 here
  EXPECT_FALSE(decode<RankExited>(twos).ok());
}

TEST(CodecTest, BelievesNoCountThatTheInputCannotHold) {
  const uint32_t huge = 0xFFFFFFFF;
  const std::string bytes(reinterpret_cast<const char*>(&huge), sizeof huge);

  EXPECT_FALSE(decode<std::vector<std::string>>(bytes).ok());
  EXPECT_FALSE(decode<std::string>(bytes).ok());
}

TEST(CodecTest, SurvivesRandomDamage) {
  const std::string bytes = encode(SupervisorMessage(example_assignment()));
  std::mt19937 random(17);

  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (int flips = 0; flips < 3; ++flips) damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto decoded = decode<SupervisorMessage>(damaged);
    if (decoded.ok()) {
      EXPECT_EQ(encode(*decoded).size(), damaged.size()) << "seed 17, round " << round;
    }
  }
}

}  // namespace
}  // namespace fabric::frames
