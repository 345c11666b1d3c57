#include <fabric/fabric.h>
#include <gmock/gmock.h>

#include "core/program_note.h"
#include "runtime/api/memory_logger.h"
#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

MemoryLogger& memory() {
  static MemoryLogger logger;
  return logger;
}

void configure(Options& options, const Arguments&) {
  options.loggers.emplace_back(std::shared_ptr<Logger>(&memory(), [](Logger*) {}));
}

int train(Fabric& fabric, const Arguments& args) {
  fabric.log("loss", 0.25);
  const auto how = args.get("how");
  if (how == "stop") throw Stop{};
  if (how == "throw") throw std::runtime_error("as asked");
  return args.get<int>("code", 0);
}

}  // namespace
}  // namespace fabric

FABRIC_PROGRAM(fabric::train, fabric::configure);

namespace fabric {
namespace {

class ProgramTest : public ::testing::Test {
 protected:
  int run(const std::string& args) {
    memory() = {};
    environment_.emplace(directory_.path().string(), "{\"args\": " + args + "}");
    return run_program(*fabric_program_table(), *environment_);
  }

  testing::TemporaryDirectory directory_;
  std::optional<RecordingEnvironment> environment_;
};

TEST_F(ProgramTest, ReturnsWhatTrainReturnsAndClosesTheLoggers) {
  EXPECT_EQ(run(R"({"how": "end"})"), 0);
  EXPECT_EQ(memory().status, "success");
  EXPECT_EQ(memory().rows.size(), 1u);
  EXPECT_EQ(environment_->ready_reports, 1);

  EXPECT_EQ(run(R"({"how": "end", "code": 7})"), 7);
  EXPECT_EQ(memory().status, "failed");
}

TEST_F(ProgramTest, EndsWith75AfterAnAgreedStop) {
  EXPECT_EQ(run(R"({"how": "stop"})"), 75);
  EXPECT_EQ(memory().status, "success");
}

TEST_F(ProgramTest, LetsExceptionsPassAfterClosingTheLoggers) {
  EXPECT_THAT([this] { run(R"({"how": "throw"})"); }, ThrowsMessage<std::runtime_error>(HasSubstr("as asked")));
  EXPECT_EQ(memory().status, "failed");
  EXPECT_EQ(memory().rows.size(), 1u);
}

TEST_F(ProgramTest, ReportsAFailureBeforeItLeavesTheOthers) {
  EXPECT_THROW(run(R"({"how": "throw"})"), std::runtime_error);

  ASSERT_NE(environment_->last_failure, nullptr);
  EXPECT_THAT([this] { std::rethrow_exception(environment_->last_failure); },
              ThrowsMessage<std::runtime_error>(HasSubstr("as asked")));
}

TEST_F(ProgramTest, RefusesATableOfAnotherAbi) {
  RecordingEnvironment environment(directory_.path(), "{}");
  const ProgramTable other{FABRIC_PROGRAM_ABI + 1, train, nullptr};

  EXPECT_THAT([&] { run_program(other, environment); }, ThrowsMessage<UsageError>(HasSubstr("program ABI")));
}

TEST_F(ProgramTest, CarriesANoteThatSaysHowItWasBuilt) {
  const Result<ProgramNote> note = parse_program_note(FABRIC_PROGRAM_NOTE);

  ASSERT_TRUE(note.ok()) << note.status().to_string();
  EXPECT_EQ(note->abi, "1");
  EXPECT_EQ(note->torch, TORCH_VERSION);
  EXPECT_EQ(note->cxx11abi, "1");
  EXPECT_EQ(std::string(fabric_program_note.text), FABRIC_PROGRAM_NOTE);
}

}  // namespace
}  // namespace fabric
