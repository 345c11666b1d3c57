#include "fabric/sample_randomness.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/bernoulli.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/normal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>

#include <stdexcept>

#include "fabric/data_loader.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

using detail::SampleRandomness;

/// Draws in all the ways in which transforms do, without a generator.
at::Tensor draw_in_all_ways() {
  const at::Tensor ones = at::ones({4});
  return at::stack({at::rand({4}), at::randn({4}), at::randint(100, {4}).to(at::kFloat), at::randperm(4).to(at::kFloat),
                    at::dropout(ones, 0.5, true), at::bernoulli(ones / 2), at::rand_like(ones), at::normal(ones, 1.0),
                    at::multinomial(ones, 4, true).to(at::kFloat), at::empty({4}).uniform_(),
                    at::empty({4}).exponential_(), at::empty({4}).geometric_(0.5)});
}

/// A dataset that knows nothing of contexts.
struct Careless {
  size_t size() const { return 20; }
  at::Tensor get(size_t index) const {
    if (index == fails_at) throw std::out_of_range("no such sample");
    return draw_in_all_ways();
  }
  size_t fails_at = SIZE_MAX;
};

DataLoader<Careless> careless_loader(int num_workers, Careless dataset = {}) {
  return DataLoader<Careless>(dataset, {.batch_size = 3, .num_workers = num_workers}, {}, c10::Device("cpu"), 11);
}

at::Tensor whole_epoch(const DataLoader<Careless>& loader) {
  std::vector<at::Tensor> batches;
  for (auto& batch : loader) batches.push_back(batch);
  return at::cat(batches);
}

TEST(SampleRandomnessTest, GivesDatasetsThatDrawFromTheDefaultGeneratorTheSameDataWhateverTheWorkers) {
  const at::Tensor expected = whole_epoch(careless_loader(0));

  for (const int num_workers : {0, 1, 3}) EXPECT_TRUE(at::equal(whole_epoch(careless_loader(num_workers)), expected));
  EXPECT_FALSE(at::equal(expected[0], expected[1]));
  const auto loader = careless_loader(1);
  whole_epoch(loader);
  EXPECT_FALSE(at::equal(whole_epoch(loader), expected)) << "the second epoch must draw anew";
}

TEST(SampleRandomnessTest, LeavesTheTrainersNumbersAlone) {
  at::manual_seed(1);
  const at::Tensor expected = at::cat({draw_in_all_ways(), draw_in_all_ways()});
  for (const int num_workers : {0, 2}) {
    at::manual_seed(1);
    std::vector<at::Tensor> drawn;
    for ([[maybe_unused]] auto& batch : careless_loader(num_workers)) {
      drawn.push_back(draw_in_all_ways());
      if (drawn.size() == 2) break;
    }

    EXPECT_TRUE(at::equal(at::cat(drawn), expected)) << num_workers << " workers";
  }
}

TEST(SampleRandomnessTest, EndsWithASampleThatFails) {
  at::manual_seed(1);
  const at::Tensor expected = draw_in_all_ways();
  at::manual_seed(1);

  EXPECT_THROW(whole_epoch(careless_loader(0, {.fails_at = 1})), std::out_of_range);

  EXPECT_TRUE(at::equal(draw_in_all_ways(), expected));
}

TEST(SampleRandomnessTest, LeavesAGeneratorThatIsGivenAlone) {
  auto given = detail::make_generator();
  given.set_current_seed(9);
  const at::Tensor expected = at::rand({4}, given);
  given.set_current_seed(9);

  SampleRandomness randomness;
  randomness.begin_sample(1, 2, 3);

  EXPECT_TRUE(at::equal(at::rand({4}, given), expected));
  const at::Tensor first = at::rand({4});
  randomness.begin_sample(1, 2, 3);
  EXPECT_TRUE(at::equal(at::rand({4}), first));
  EXPECT_FALSE(at::equal(at::rand({4}), first));
}

TEST(SampleRandomnessTest, MayBeNested) {
  SampleRandomness outer;
  outer.begin_sample(1, 0, 0);
  const at::Tensor expected = at::cat({at::rand({2}), at::rand({2})});
  outer.begin_sample(1, 0, 0);
  const at::Tensor before = at::rand({2});
  {
    SampleRandomness inner;
    inner.begin_sample(1, 0, 1);
    at::rand({2});
  }

  EXPECT_TRUE(at::equal(at::cat({before, at::rand({2})}), expected));
}

TEST(SampleRandomnessTest, LetsGradientsThrough) {
  SampleRandomness randomness;
  randomness.begin_sample(1, 0, 0);
  const at::Tensor x = at::ones({8}).requires_grad_();

  at::dropout(x, 0.5, true).sum().backward();

  EXPECT_TRUE(x.grad().defined());
}

}  // namespace
}  // namespace fabric
