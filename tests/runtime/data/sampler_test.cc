#include "fabric/sampler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "fabric/error.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using Indices = std::vector<int64_t>;

/// What all ranks get, one after the other.
std::vector<Indices> shares(const Indices& order, int num_replicas, Remainder remainder, int64_t start = 0) {
  std::vector<Indices> result;
  for (int rank = 0; rank < num_replicas; ++rank) {
    result.push_back(rank_share(order, {num_replicas, rank}, remainder, start));
  }
  return result;
}

// The expected numbers are those of torch.utils.data.DistributedSampler of Python's torch 2.11.0.

TEST(RandomSamplerTest, GivesPythonsOrder) {
  EXPECT_THAT(RandomSampler(10, 0).order(0), ElementsAre(4, 1, 7, 5, 3, 9, 0, 8, 6, 2));
}

TEST(RandomSamplerTest, GivesAnotherOrderEachEpochAndTheSameWhenAskedAgain) {
  const RandomSampler sampler(100, 7);

  EXPECT_NE(sampler.order(0), sampler.order(1));
  EXPECT_EQ(sampler.order(1), sampler.order(1));
  EXPECT_EQ(sampler.order(1), RandomSampler(100, 8).order(0));
}

TEST(RandomSamplerTest, DrawsAsManyAsItIsTold) {
  EXPECT_EQ(RandomSampler(5, 3, {.num_samples = 0}).order(0).size(), 0U);
  EXPECT_EQ(RandomSampler(5, 3, {.num_samples = 12}).order(0).size(), 12U);
  EXPECT_EQ(RandomSampler(0, 3).order(0).size(), 0U);
  EXPECT_THROW(RandomSampler(0, 3, {.num_samples = 1}), UsageError);
  EXPECT_THROW(RandomSampler(-1, 3), UsageError);
}

TEST(SubsetSamplerTest, GivesItsIndices) {
  EXPECT_THAT(SubsetSampler({4, 2, 9}).order(7), ElementsAre(4, 2, 9));
  EXPECT_THAT(SubsetRandomSampler({4, 2, 9}, 1).order(7), ::testing::UnorderedElementsAre(4, 2, 9));
}

TEST(WeightedRandomSamplerTest, NeverDrawsWhatWeighsNothing) {
  const WeightedRandomSampler sampler({0, 1, 0, 3}, 1000, 5);

  const std::vector<int64_t> order = sampler.order(0);

  EXPECT_EQ(order.size(), 1000U);
  EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()), (std::set<int64_t>{1, 3}));
  EXPECT_NEAR(static_cast<double>(std::count(order.begin(), order.end(), 3)), 750, 60);
}

TEST(WeightedRandomSamplerTest, SaysWhichWeightsCannotBe) {
  EXPECT_THROW(WeightedRandomSampler({0, 0}, 1, 0), UsageError);
  EXPECT_THROW(WeightedRandomSampler({1, -1}, 1, 0), UsageError);
  EXPECT_THROW(WeightedRandomSampler({1, 0, 2}, 3, 0, false), UsageError);
  EXPECT_EQ(WeightedRandomSampler({1, 0, 2}, 2, 0, false).order(0).size(), 2U);
}

TEST(SequentialSamplerTest, GivesTheDatasetsOrder) {
  EXPECT_THAT(SequentialSampler(3).order(5), ElementsAre(0, 1, 2));
  EXPECT_TRUE(SequentialSampler(0).order(0).empty());
}

TEST(RankShareTest, PadsWithTheEpochsHeadAsPythonDoes) {
  EXPECT_THAT(shares(RandomSampler(10, 42).order(0), 3, Remainder::kPad),
              ElementsAre(Indices{2, 8, 0, 7}, Indices{6, 4, 9, 2}, Indices{1, 5, 3, 6}));
  EXPECT_THAT(shares(RandomSampler(7, 1).order(2), 2, Remainder::kPad),
              ElementsAre(Indices{5, 4, 0, 1}, Indices{3, 6, 2, 5}));
}

TEST(RankShareTest, PadsAgainAndAgainWhereRanksAreMoreThanSamples) {
  EXPECT_THAT(shares(RandomSampler(2, 7).order(3), 5, Remainder::kPad),
              ElementsAre(Indices{1}, Indices{0}, Indices{1}, Indices{0}, Indices{1}));
}

TEST(RankShareTest, DropsAsPythonDoes) {
  EXPECT_THAT(shares(RandomSampler(10, 42).order(1), 3, Remainder::kDrop),
              ElementsAre(Indices{8, 0, 6}, Indices{4, 5, 7}, Indices{9, 1, 2}));
  EXPECT_THAT(shares({0, 1}, 3, Remainder::kDrop), ElementsAre(Indices{}, Indices{}, Indices{}));
}

TEST(RankShareTest, GivesEachSampleOnceWhereItIsExact) {
  EXPECT_THAT(shares({10, 11, 12, 13, 14}, 3, Remainder::kExact),
              ElementsAre(Indices{10, 13}, Indices{11, 14}, Indices{12}));
  EXPECT_THAT(shares({10}, 2, Remainder::kExact), ElementsAre(Indices{10}, Indices{}));
}

TEST(RankShareTest, GoesOnWhereAllRanksStopped) {
  const Indices order = RandomSampler(20, 1).order(0);
  const Indices whole = rank_share(order, {2, 1}, Remainder::kPad);

  EXPECT_EQ(rank_share(order, {2, 1}, Remainder::kPad, 6), Indices(whole.begin() + 3, whole.end()));
}

TEST(RankShareTest, DealsTheRestOutToAnyNumberOfRanks) {
  const Indices order = RandomSampler(20, 1).order(0);
  std::multiset<int64_t> given(order.begin(), order.begin() + 8);

  for (const Indices& share : shares(order, 3, Remainder::kExact, 8)) given.insert(share.begin(), share.end());

  EXPECT_EQ(given, std::multiset<int64_t>(order.begin(), order.end()));
}

TEST(RankShareTest, GivesNothingOfNothing) {
  EXPECT_TRUE(rank_share({}, {2, 0}, Remainder::kPad).empty());
  EXPECT_TRUE(rank_share({1, 2}, {2, 0}, Remainder::kPad, 2).empty());
}

}  // namespace
}  // namespace fabric
