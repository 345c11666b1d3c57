// LibTorch's own datasets, and those that give whole batches.
#include <gmock/gmock.h>
#include <torch/data/datasets/base.h>
#include <torch/data/datasets/map.h>
#include <torch/data/datasets/tensor.h>
#include <torch/data/transforms/lambda.h>
#include <torch/data/transforms/stack.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "fabric/data_loader.h"
#include "fabric/error.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

namespace data = torch::data;
using fabric::testing::to_vector;
using ::testing::ElementsAre;

struct Squares : data::datasets::Dataset<Squares> {
  data::Example<> get(size_t index) override {
    const auto number = static_cast<int64_t>(index);
    return {at::full({2}, number), at::tensor(number * number)};
  }
  std::optional<size_t> size() const override { return 5; }
};

template <class D>
DataLoader<D> loader_over(D dataset, int num_workers = 0, int64_t batch_size = 2) {
  return DataLoader<D>(std::move(dataset), {.batch_size = batch_size, .num_workers = num_workers}, {},
                       c10::Device("cpu"), 0);
}

/// Returns the targets of a loop.
template <class D>
std::vector<int64_t> targets(const DataLoader<D>& loader) {
  std::vector<int64_t> result;
  for (const data::Example<>& batch : loader) {
    EXPECT_EQ(batch.data.sizes(), at::IntArrayRef({batch.target.size(0), 2}));
    const auto numbers = to_vector(batch.target);
    result.insert(result.end(), numbers.begin(), numbers.end());
  }
  return result;
}

TEST(TorchDatasetTest, GivesBatchesOfADataset) {
  for (const int num_workers : {0, 3}) {
    EXPECT_THAT(targets(loader_over(Squares(), num_workers)), ElementsAre(0, 1, 4, 9, 16));
  }
}

TEST(TorchDatasetTest, TakesMappedDatasets) {
  const auto add_one = [](data::Example<> example) { return data::Example<>(example.data, example.target + 1); };
  const auto mapped = Squares().map(data::transforms::Lambda<data::Example<>>(add_one));
  const auto stacked =
      Squares().map(data::transforms::Lambda<data::Example<>>(add_one)).map(data::transforms::Stack<>());
  for (const int num_workers : {0, 2}) {
    EXPECT_THAT(targets(loader_over(mapped, num_workers)), ElementsAre(1, 2, 5, 10, 17));
    EXPECT_THAT(targets(loader_over(stacked, num_workers)), ElementsAre(1, 2, 5, 10, 17));
  }
}

TEST(TorchDatasetTest, TakesExamplesWithoutATarget) {
  const auto loader = loader_over(data::datasets::TensorDataset(at::arange(6).view({3, 2})), 1);

  EXPECT_THAT(to_vector(loader.begin()->data), ElementsAre(0, 1, 2, 3));
}

struct Endless : data::datasets::Dataset<Endless> {
  data::Example<> get(size_t) override { return {}; }
  std::optional<size_t> size() const override { return {}; }
};

TEST(TorchDatasetTest, SaysThatADatasetMustKnowItsSize) { EXPECT_THROW(loader_over(Endless()), UsageError); }

/// Notes which threads use which copy; get() is not const, as it keeps what it read last.
struct Remembering {
  struct Users {
    std::mutex mutex;
    std::map<const Remembering*, std::set<std::thread::id>> threads;
  };

  explicit Remembering(std::shared_ptr<Users> its_users) : users(std::move(its_users)) {}
  size_t size() const { return 200; }
  int64_t get(size_t index) {
    latest = static_cast<int64_t>(index);
    {
      const std::lock_guard lock(users->mutex);
      users->threads[this].insert(std::this_thread::get_id());
    }
    return latest;
  }

  std::shared_ptr<Users> users;
  int64_t latest = -1;
};

TEST(TorchDatasetTest, GivesEachWorkerACopyOfADatasetThatChanges) {
  const auto users = std::make_shared<Remembering::Users>();
  const auto loader = loader_over(Remembering(users), 3);
  int64_t next = 0;
  for (auto& batch : loader) {
    for (const int64_t number : to_vector(batch)) EXPECT_EQ(number, next++);
  }

  EXPECT_EQ(next, 200);
  EXPECT_GE(users->threads.size(), 1U);
  for (const auto& [copy, threads] : users->threads) EXPECT_EQ(threads.size(), 1U);
  EXPECT_EQ(loader.dataset().latest, -1);
}

/// Gives whole batches, of which it says itself what they are.
struct Sums {
  size_t size() const { return 7; }
  std::string get_batch(const std::vector<size_t>& indices) const {
    std::string text;
    for (const size_t index : indices) text += std::to_string(index);
    return text;
  }
};

static_assert(detail::kSharedByThreads<Sums> && !detail::kSharedByThreads<Squares>);

TEST(TorchDatasetTest, HandsOutBatchesOfTheDatasetsOwnMaking) {
  const auto loader = loader_over(Sums(), 2, 3);
  std::vector<std::string> batches;
  for (const std::string& batch : loader) batches.push_back(batch);

  EXPECT_THAT(batches, ElementsAre("012", "345", "6"));
}

TEST(CollateWithTest, MakesBatchesWithAFunction) {
  const auto join = [](const std::vector<std::pair<int64_t, at::Tensor>>& samples) {
    std::string text;
    for (const auto& [number, drawn] : samples) text += std::to_string(number);
    return text;
  };
  const auto loader = loader_over(collate_with(testing::Numbers{5}, join), 1);
  const auto of_libtorch = loader_over(collate_with(
      Squares(), [](std::vector<data::Example<>> samples) { return static_cast<int64_t>(samples.size()); }));

  EXPECT_EQ(*loader.begin(), "01");
  EXPECT_EQ(*of_libtorch.begin(), 2);
  const auto add_one = [](data::Example<> example) { return data::Example<>(example.data, example.target + 1); };
  const auto last_target = [](const std::vector<data::Example<>>& samples) {
    return samples.back().target.item<int64_t>();
  };
  const auto of_batches =
      loader_over(collate_with(Squares().map(data::transforms::Lambda<data::Example<>>(add_one)), last_target), 1);
  EXPECT_EQ(*of_batches.begin(), 2);
}

}  // namespace
}  // namespace fabric
