// Runs of simulated ranks that are stopped at random steps and resumed, beside the same run unbroken.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "runtime/data/numbers.h"
#include "support/repeats.h"

namespace fabric {
namespace {

using fabric::testing::make_loader;
using fabric::testing::to_vector;
using Loader = DataLoader<testing::Numbers>;

constexpr int64_t kSamples = 60;  // by any number of ranks up to three, with batches of 2, nothing is left over
constexpr int64_t kEpochs = 3;

struct Setting {
  int num_replicas = 1;
  int num_workers = 0;
  size_t samples = kSamples;
  Remainder remainder = Remainder::kPad;
};

std::vector<Loader> make_ranks(const Setting& setting) {
  std::vector<Loader> ranks;
  for (int rank = 0; rank < setting.num_replicas; ++rank) {
    const DataLoaderOptions options{
        .batch_size = 2, .shuffle = true, .remainder = setting.remainder, .num_workers = setting.num_workers};
    ranks.push_back(make_loader(setting.samples, options, {setting.num_replicas, rank}));
  }
  return ranks;
}

/// What a rank was given in one step: (number, what was drawn for it), ...
struct Step {
  int64_t epoch = 0;
  std::vector<int64_t> data;
  bool operator==(const Step&) const = default;
};

/// Runs one rank through what is left of its epochs, or through `most` steps of it.
std::vector<Step> run_rank(const Loader& loader, size_t most = SIZE_MAX) {
  std::vector<Step> steps;
  if (most == 0) return steps;
  for (const int64_t epoch : loader.epochs(kEpochs)) {
    for (auto& [numbers, drawn] : loader) {
      steps.push_back({epoch, to_vector(at::stack({numbers, drawn}, 1))});
      if (steps.size() == most) return steps;
    }
  }
  return steps;
}

/// Runs all ranks through `stop` steps of each, and returns the state of rank 0, which is the one that a checkpoint holds.
Value stopped_after(const std::vector<Loader>& ranks, size_t stop, std::vector<std::vector<Step>>& steps) {
  for (const Loader& rank : ranks) steps.push_back(run_rank(rank, stop));
  return ranks.front().state_dict();
}

/// Counts how often each number was given in each epoch.
void count(const std::vector<Step>& steps, std::map<std::pair<int64_t, int64_t>, int>& times) {
  for (const Step& step : steps) {
    for (size_t i = 0; i < step.data.size(); i += 2) ++times[{step.epoch, step.data[i]}];
  }
}

/// Expects each sample of each epoch once; in epoch `cut`, up to `most_padding` of them twice.
void expect_each_once(const std::vector<std::vector<Step>>& all_steps, size_t samples, const std::string& what,
                      int64_t cut = -1, int most_padding = 0) {
  std::map<std::pair<int64_t, int64_t>, int> times;
  for (const auto& steps : all_steps) count(steps, times);
  EXPECT_EQ(times.size(), samples * kEpochs) << what;
  int padding = 0;
  for (const auto& [sample, given] : times) {
    if (sample.first == cut) padding += given - 1;
    ASSERT_TRUE(given == 1 || sample.first == cut)
        << "sample " << sample.second << " of epoch " << sample.first << ", " << what;
  }
  EXPECT_LE(padding, most_padding) << what;
}

std::string text_of(const Setting& setting, size_t stop) {
  return std::to_string(setting.num_replicas) + " ranks, " + std::to_string(setting.num_workers) +
         " workers, stopped after step " + std::to_string(stop);
}

class RandomResumeTest : public ::testing::TestWithParam<int> {
 protected:
  /// Returns a step at which a run of `setting` may stop: before the first, after any, after the last.
  size_t draw_stop(const Setting& setting) {
    const auto steps = static_cast<size_t>(kSamples / 2 / setting.num_replicas * kEpochs);
    return std::uniform_int_distribution<size_t>(0, steps)(random_);
  }

  std::mt19937 random_{std::mt19937::default_seed + static_cast<unsigned>(GetParam())};
};

TEST_P(RandomResumeTest, EqualsTheUnbrokenRun) {
  for (int num_replicas = 1; num_replicas <= 3; ++num_replicas) {
    const Setting setting{num_replicas, GetParam()};
    std::vector<std::vector<Step>> unbroken;
    for (const Loader& rank : make_ranks({num_replicas, 0})) unbroken.push_back(run_rank(rank));
    expect_each_once(unbroken, kSamples, text_of(setting, 0));
    for (int repeat = 0; repeat < testing::repeats(20); ++repeat) {
      const size_t stop = draw_stop(setting);
      std::vector<std::vector<Step>> steps;
      const Value state = stopped_after(make_ranks(setting), stop, steps);
      std::vector<Loader> resumed = make_ranks(setting);
      for (size_t rank = 0; rank < resumed.size(); ++rank) {
        resumed[rank].load_state_dict(state);
        const std::vector<Step> rest = run_rank(resumed[rank]);
        steps[rank].insert(steps[rank].end(), rest.begin(), rest.end());
        ASSERT_EQ(steps[rank], unbroken[rank]) << text_of(setting, stop) << ", rank " << rank;
      }
    }
  }
}

TEST_P(RandomResumeTest, GivesEachSampleOncePerEpochAtAnotherNumberOfRanks) {
  for (int repeat = 0; repeat < testing::repeats(20); ++repeat) {
    for (const auto& [before, after] : {std::pair{1, 2}, {2, 1}, {2, 3}, {3, 2}, {3, 1}, {1, 3}}) {
      const Setting setting{before, GetParam()};
      const size_t stop = draw_stop(setting);
      std::vector<std::vector<Step>> steps;
      const Value state = stopped_after(make_ranks(setting), stop, steps);
      for (Loader& rank : make_ranks({after, GetParam()})) {
        rank.load_state_dict(state);
        steps.push_back(run_rank(rank));
      }
      // What is left of the epoch may not divide by the new number: as many are given again as it then takes.
      const auto had = static_cast<int64_t>(stop) * 2 * before;
      const int64_t left = (kSamples - had % kSamples) % kSamples;
      const auto padding = static_cast<int>((after - left % after) % after);
      expect_each_once(steps, kSamples, text_of(setting, stop) + ", resumed with " + std::to_string(after),
                       had / kSamples, padding);
    }
  }
}

TEST_P(RandomResumeTest, GivesEachSampleOnceWhereNumbersDoNotDivide) {
  constexpr size_t kOdd = 61;
  for (int repeat = 0; repeat < testing::repeats(5); ++repeat) {
    for (const auto& [before, after] : {std::pair{1, 2}, {2, 3}, {3, 2}, {3, 3}}) {
      const Setting setting{before, GetParam(), kOdd, Remainder::kExact};
      const size_t stop = draw_stop(setting);
      std::vector<std::vector<Step>> steps;
      const std::vector<Loader> ranks = make_ranks(setting);
      const Value state = stopped_after(ranks, stop, steps);
      // Ranks may differ by a batch in an epoch: what another has had in the next one, rank 0 has not reached.
      for (size_t rank = 1; rank < ranks.size(); ++rank) {
        const std::vector<Step> all = run_rank(make_ranks(setting)[rank]);
        const auto done = std::count_if(all.begin(), all.end(),
                                        [&](const Step& step) { return step.epoch < state.at("epoch").to_int(); });
        const int64_t of_epoch = (state.at("position").to_int() + before * 2 - 1) / (before * 2);
        const int64_t had = std::min<int64_t>(
            done + of_epoch, std::count_if(all.begin(), all.end(),
                                           [&](const Step& step) { return step.epoch <= state.at("epoch").to_int(); }));
        steps[rank] = {all.begin(), all.begin() + had};
      }
      for (Loader& rank : make_ranks({after, GetParam(), kOdd, Remainder::kExact})) {
        rank.load_state_dict(state);
        steps.push_back(run_rank(rank));
      }
      expect_each_once(steps, kOdd, text_of(setting, stop) + ", resumed with " + std::to_string(after));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, RandomResumeTest, ::testing::Values(0, 3));

}  // namespace
}  // namespace fabric
