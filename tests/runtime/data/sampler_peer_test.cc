// Our samplers and seeds beside Python's, for cases that tests/peer/sampler_peer.py draws: one Python for all of them.
#include <gtest/gtest.h>
#include <stdio.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fabric/batch_sampler.h"
#include "fabric/num_workers.h"
#include "fabric/sampler.h"
#include "fabric/seed.h"
#include "support/repeats.h"

namespace fabric {
namespace {

using Json = nlohmann::json;
using Ranks = std::vector<std::vector<int64_t>>;

class SamplerPeerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string source = FABRIC_SOURCE_DIR;
    const std::string command = "$('" + source + "/scripts/peer') '" + source + "/tests/peer/sampler_peer.py' " +
                                std::to_string(testing::repeats(100));
    const std::unique_ptr<FILE, int (*)(FILE*)> python(::popen(command.c_str(), "r"), ::pclose);
    ASSERT_NE(python, nullptr);
    char* line = nullptr;
    size_t capacity = 0;
    while (::getline(&line, &capacity, python.get()) > 0) {
      const Json told = Json::parse(line);
      cases()[told.at("kind")].push_back(told);
    }
    ::free(line);
  }

  static std::map<std::string, std::vector<Json>>& cases() {
    static std::map<std::string, std::vector<Json>> by_kind;
    return by_kind;
  }

  /// Compares `ours` with what Python gave, for each of the cases of `kind`, of which there must be `least`.
  template <class Ours>
  void compare(const std::string& kind, size_t least, Ours ours) {
    EXPECT_GE(cases()[kind].size(), least);
    for (const Json& told : cases()[kind]) {
      Json parameters = told;
      parameters.erase("expected");
      const decltype(ours(told)) expected = told.at("expected");
      ASSERT_EQ(ours(told), expected) << parameters;
    }
  }

  /// Returns what each rank gets of an order that Lightning Fabric deals out.
  static Ranks dealt(const Sampler& sampler, const Json& told) { return dealt(sampler, told, Remainder::kPad); }
  static Ranks dealt(const Sampler& sampler, const Json& told, Remainder remainder) {
    const int world = told.at("world");
    Ranks ranks;
    for (int rank = 0; rank < world; ++rank) {
      ranks.push_back(rank_share(sampler.order(told.at("epoch")), {world, rank}, remainder));
    }
    return ranks;
  }
};

TEST_F(SamplerPeerTest, DealsOutAsTheDistributedSampler) {
  compare("distributed", 100, [](const Json& told) {
    const Remainder remainder = told.at("drop_last") ? Remainder::kDrop : Remainder::kPad;
    if (!told.at("shuffle")) return dealt(SequentialSampler(told.at("n")), told, remainder);
    return dealt(RandomSampler(told.at("n"), told.at("seed")), told, remainder);
  });
}

TEST_F(SamplerPeerTest, DrawsAsTheRandomSampler) {
  compare("random", 25, [](const Json& told) {
    const RandomSampler::Draws draws{told.at("draws"), told.at("replacement")};
    return dealt(RandomSampler(told.at("n"), told.at("seed"), draws), told);
  });
}

TEST_F(SamplerPeerTest, DrawsAsTheSubsetRandomSampler) {
  compare("subset", 25,
          [](const Json& told) { return dealt(SubsetRandomSampler(told.at("indices"), told.at("seed")), told); });
}

TEST_F(SamplerPeerTest, DrawsAsTheWeightedRandomSampler) {
  compare("weighted", 25, [](const Json& told) {
    return dealt(WeightedRandomSampler(told.at("weights"), told.at("draws"), told.at("seed"), told.at("replacement")),
                 told);
  });
}

TEST_F(SamplerPeerTest, CutsAsTheBatchSampler) {
  compare("batches", 25, [](const Json& told) {
    std::shared_ptr<Sampler> order = std::make_shared<SequentialSampler>(told.at("n"));
    if (told.at("shuffle")) order = std::make_shared<RandomSampler>(told.at("n"), told.at("seed"));
    return ConsecutiveBatchSampler(order, told.at("size"), told.at("drop_last")).batches(told.at("epoch"));
  });
}

TEST_F(SamplerPeerTest, SeedsAsLightningFabric) {
  compare("seeds", 100, [](const Json& told) {
    return generate_seed_sequence(told.at("base"), told.at("worker"), told.at("rank"), 4);
  });
}

TEST_F(SamplerPeerTest, SuggestsAsManyWorkersAsLightningFabric) {
  compare("workers", 2, [](const Json& told) { return suggested_max_num_workers(told.at("ranks")); });
}

}  // namespace
}  // namespace fabric
