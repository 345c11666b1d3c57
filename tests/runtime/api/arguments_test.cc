#include <fabric/arguments.h>
#include <fabric/error.h>
#include <gmock/gmock.h>

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Arguments arguments() {
  return Arguments(
      {{"epochs", "5"}, {"lr", "1e-3"}, {"data", "../data/x.csv"}, {"shuffle", "true"}, {"name", "digits"}},
      "/jobs/here");
}

TEST(ArgumentsTest, ReadsByType) {
  const Arguments args = arguments();

  EXPECT_EQ(args.get<int64_t>("epochs"), 5);
  EXPECT_EQ(args.get<int>("epochs"), 5);
  EXPECT_EQ(args.get<double>("lr"), 1e-3);
  EXPECT_EQ(args.get<double>("epochs"), 5.0);
  EXPECT_TRUE(args.get<bool>("shuffle"));
  EXPECT_EQ(args.get("name"), "digits");
}

TEST(ArgumentsTest, ReturnsTheDefaultOnlyForWhatIsMissing) {
  const Arguments args = arguments();

  EXPECT_EQ(args.get("epochs", 9), 5);
  EXPECT_EQ(args.get("steps", 9), 9);
  EXPECT_EQ(args.get("mode", "fast"), "fast");
  EXPECT_FALSE(args.has("steps"));
}

TEST(ArgumentsTest, NamesWhatIsThereWhenAnArgumentIsMissing) {
  EXPECT_THAT(
      [] { arguments().get<int>("steps"); },
      ThrowsMessage<UsageError>(HasSubstr("argument 'steps' must be given, but there are only {data, epochs,")));
}

TEST(ArgumentsTest, RefusesTextThatIsNoValueOfTheType) {
  const auto args = Arguments({{"n", "5x"}, {"big", "3000000000"}, {"less", "-1"}, {"on", "yes"}}, "/");

  EXPECT_THAT([&] { args.get<int64_t>("n"); },
              ThrowsMessage<UsageError>(HasSubstr("'n' must be an integer, but is '5x'")));
  EXPECT_THROW(args.get<int>("big"), UsageError);
  EXPECT_THROW(args.get<size_t>("less"), UsageError);
  EXPECT_THROW(args.get<bool>("on"), UsageError);
  EXPECT_THROW(args.get("n", 3.0), UsageError);
}

TEST(ArgumentsTest, ResolvesPathsAgainstTheJobsDirectory) {
  EXPECT_EQ(arguments().path("data"), "/jobs/data/x.csv");
  EXPECT_EQ(Arguments({{"data", "/abs/x"}}, "/jobs").path("data"), "/abs/x");
}

}  // namespace
}  // namespace fabric
