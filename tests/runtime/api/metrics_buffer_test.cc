#include "runtime/api/metrics_buffer.h"

#include <fabric/error.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include "runtime/api/memory_logger.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using Rows = std::vector<std::pair<int64_t, std::map<std::string, double>>>;

TEST(MetricsBufferTest, GivesOneCallForEachStepInOrder) {
  const auto logger = std::make_shared<MemoryLogger>();
  MetricsBuffer buffer;
  buffer.add("loss", torch::full({1}, 2.5), 0);
  buffer.add("lr", 0.1, 0);
  buffer.add("loss", 1.5, 1);

  buffer.write_all({logger});

  EXPECT_EQ(logger->rows, (Rows{{0, {{"loss", 2.5}, {"lr", 0.1}}}, {1, {{"loss", 1.5}}}}));
}

TEST(MetricsBufferTest, KeepsWhatIsOfTheStepItself) {
  const auto logger = std::make_shared<MemoryLogger>();
  MetricsBuffer buffer;
  buffer.add("loss", 2.0, 0);
  buffer.add("loss", 1.0, 1);

  buffer.write_before(1, {logger});
  EXPECT_EQ(logger->rows, (Rows{{0, {{"loss", 2.0}}}}));

  buffer.write_all({logger});
  EXPECT_EQ(logger->rows.size(), 2u);
}

TEST(MetricsBufferTest, RefusesStepsThatFall) {
  MetricsBuffer buffer;
  buffer.add("loss", 2.0, 5);

  EXPECT_THROW(buffer.add("loss", 1.0, 4), UsageError);
  EXPECT_NO_THROW(buffer.add("loss", 1.0, 5));
}

}  // namespace
}  // namespace fabric
