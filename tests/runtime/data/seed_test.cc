#include "fabric/seed.h"

#include <gmock/gmock.h>

#include "fabric/error.h"
#include "fabric/num_workers.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;

// The expected numbers are those of lightning_fabric.utilities.seed._generate_seed_sequence.
TEST(SeedSequenceTest, GivesPythonsNumbers) {
  EXPECT_THAT(generate_seed_sequence(0, 0, 0, 4),
              ElementsAre(1U, 6364136223846793006U, 13885033948157127959U, 14678909342070756876U));
  EXPECT_THAT(generate_seed_sequence(42, 1, 0, 4),
              ElementsAre(11194860933575700206U, 3706134342188831191U, 5356028534577449932U, 16165268061167519453U));
  EXPECT_THAT(generate_seed_sequence(42, 0, 1, 4),
              ElementsAre(8908122467884995918U, 4625518674293911735U, 4141695628600580396U, 15723908157795319997U));
  EXPECT_THAT(generate_seed_sequence(4294967295, 63, 63, 4),
              ElementsAre(11562890212367832306U, 9884978745451101323U, 15115902107471354224U, 6909173068098275505U));
}

TEST(SeedSequenceTest, RefusesWorkersAndRanksThatCannotBe) {
  EXPECT_THROW(generate_seed_sequence(1, -1, 0, 1), UsageError);
  EXPECT_THROW(generate_seed_sequence(1, 0, -1, 1), UsageError);
}

TEST(SuggestedMaxNumWorkersTest, LeavesAProcessorToTheTrainerAndGivesOneAtLeast) {
  const int alone = suggested_max_num_workers(1);

  EXPECT_GE(alone, 1);
  EXPECT_EQ(suggested_max_num_workers(100'000), 1);
  EXPECT_LE(suggested_max_num_workers(2), alone);
  EXPECT_THROW(suggested_max_num_workers(0), UsageError);
}

}  // namespace
}  // namespace fabric
