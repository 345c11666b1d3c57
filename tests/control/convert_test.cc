#include "control/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fabric::control {
namespace {

using testing::HasSubstr;

// Flattens a record by its own list of fields, so that a field that is added to a struct and not to the conversion is
// found: it then differs from its default on one side only.
class Flattener {
 public:
  template <class... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }
  std::string text;

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      text += std::to_string(static_cast<int>(value)) + ";";
    } else if constexpr (std::is_arithmetic_v<T>) {
      text += std::to_string(value) + ";";
    } else {
      const_cast<T&>(value).fields(*this);
    }
  }
  void write(const std::string& value) { text += value + ";"; }
  template <class T>
  void write(const std::vector<T>& values) {
    for (const T& value : values) write(value);
    text += "|";
  }
  void write(const std::map<std::string, std::string>& values) {
    for (const auto& [key, value] : values) text += concat(key, "=", value, ";");
  }
};

template <class T>
std::string flat(const T& record) {
  Flattener flattener;
  const_cast<T&>(record).fields(flattener);
  return flattener.text;
}

// Gives each field of a record a value of its own.
class Filler {
 public:
  template <class... Values>
  void operator()(Values&... values) {
    (fill(values), ...);
  }

 private:
  void fill(std::string& value) { value = "text-" + std::to_string(++count_); }
  void fill(bool& value) { value = true; }
  template <class T>
  void fill(std::vector<T>& values) {
    values.resize(2);
    for (T& value : values) fill(value);
  }
  void fill(std::map<std::string, std::string>& values) { values = {{"A", "1"}, {"B", "x y"}}; }
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(1);
    } else if constexpr (std::is_arithmetic_v<T>) {
      value = static_cast<T>(++count_);
    } else {
      value.fields(*this);
    }
  }

  int count_ = 0;
};

template <class T>
T filled() {
  T record;
  Filler filler;
  record.fields(filler);
  return record;
}

template <class Variant, class T>
void expect_round_trip(const T& record) {
  const auto wire = to_wire(Variant(record));
  std::string bytes;
  ASSERT_TRUE(wire.SerializeToString(&bytes));
  std::remove_const_t<decltype(wire)> parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));

  const Result<Variant> back = from_wire(parsed);

  ASSERT_TRUE(back.ok()) << back.status().to_string();
  ASSERT_TRUE(std::holds_alternative<T>(*back));
  EXPECT_EQ(flat(std::get<T>(*back)), flat(record));
}

GenerationPlan valid_plan() {
  GenerationPlan plan = filled<GenerationPlan>();
  plan.world_size = 8;
  plan.num_nodes = 2;
  plan.node_rank = 1;
  plan.first_global_rank = 4;
  plan.local_world_size = 4;
  return plan;
}

TEST(ConvertTest, MessagesOfAgentsSurviveTheWire) {
  expect_round_trip<AgentMessage>(filled<Join>());
  expect_round_trip<AgentMessage>(filled<Heartbeat>());
  expect_round_trip<AgentMessage>(filled<RankProgress>());
  expect_round_trip<AgentMessage>(filled<RankReached>());
  expect_round_trip<AgentMessage>(filled<RankExited>());
  expect_round_trip<AgentMessage>(filled<GenerationStopped>());
  expect_round_trip<AgentMessage>(filled<RanksSignaled>());
  expect_round_trip<AgentMessage>(filled<LogLines>());
  expect_round_trip<AgentMessage>(filled<Goodbye>());
}

TEST(ConvertTest, MessagesOfTheCoordinatorSurviveTheWire) {
  expect_round_trip<CoordinatorMessage>(filled<Welcome>());
  expect_round_trip<CoordinatorMessage>(filled<HeartbeatAck>());
  expect_round_trip<CoordinatorMessage>(StartGeneration{valid_plan()});
  expect_round_trip<CoordinatorMessage>(filled<StopGeneration>());
  expect_round_trip<CoordinatorMessage>(filled<Shutdown>());
}

TEST(ConvertTest, NegativeNumbersAndBytesThatAreNoTextSurvive) {
  RankProgress progress;
  progress.step = std::numeric_limits<int64_t>::min();
  LogLines lines;
  lines.lines = {std::string("\xff\xfe\0\x80", 4), ""};

  expect_round_trip<AgentMessage>(progress);
  expect_round_trip<AgentMessage>(lines);
}

TEST(ConvertTest, EachStoreOperationSurvives) {
  for (int op = 0; op <= static_cast<int>(StoreOp::kQueueLength); ++op) {
    StoreRequest request = filled<StoreRequest>();
    request.op = static_cast<StoreOp>(op);
    request.keys.emplace_back("\0\xff", 2);

    const v1::StoreCall call = to_wire(GenerationId{1, 2}, request);

    EXPECT_EQ(from_wire(call.generation()), (GenerationId{1, 2}));
    EXPECT_EQ(flat(from_wire(call).value()), flat(request));
  }
}

TEST(ConvertTest, AnswersOfTheStoreSurvive) {
  const StoreResponse response = filled<StoreResponse>();

  EXPECT_EQ(flat(from_wire(to_wire(response)).value()), flat(response));
}

TEST(ConvertTest, EmptyMessagesAreRefused) {
  EXPECT_EQ(from_wire(v1::AgentMessage()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(from_wire(v1::CoordinatorMessage()).status().code(), StatusCode::kInvalidArgument);
}

TEST(ConvertTest, UnknownEnumeratorsAreRefused) {
  v1::AgentMessage message;
  message.mutable_rank_progress()->set_phase(static_cast<v1::RankPhase>(77));
  EXPECT_THAT(from_wire(message).status().message(), HasSubstr("RankProgress.phase must be one of 1 to 3, but is 77"));
  message.mutable_rank_progress()->set_phase(v1::RANK_PHASE_UNSPECIFIED);
  EXPECT_FALSE(from_wire(message).ok());

  v1::StoreCall call;
  EXPECT_FALSE(from_wire(call).ok());
  call.set_op(static_cast<v1::StoreOp>(-1));
  EXPECT_FALSE(from_wire(call).ok());

  v1::StoreReply reply;
  reply.set_code(17);
  EXPECT_FALSE(from_wire(std::move(reply)).ok());
}

TEST(ConvertTest, AnAgentNeedsANameThatIsSafeInPaths) {
  v1::AgentMessage message;
  message.mutable_join()->set_agent("../etc");

  EXPECT_EQ(from_wire(message).status().code(), StatusCode::kInvalidArgument);
}

TEST(ConvertTest, APlanWhoseRanksLieOutsideItsWorldIsRefused) {
  GenerationPlan plan = valid_plan();
  plan.first_global_rank = 5;

  EXPECT_THAT(from_wire(to_wire(plan)).status().message(), HasSubstr("ranks 5 to 8"));
  plan.first_global_rank = std::numeric_limits<int>::max();
  EXPECT_FALSE(from_wire(to_wire(plan)).ok());
}

}  // namespace
}  // namespace fabric::control
