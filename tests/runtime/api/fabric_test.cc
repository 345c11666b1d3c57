#include <fabric/fabric.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <fstream>

#include "runtime/api/memory_logger.h"
#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(FabricTest, KnowsItsPlaceInAWorldOfOne) {
  SingleRank rank;

  EXPECT_EQ(rank.fabric.global_rank(), 0);
  EXPECT_EQ(rank.fabric.world_size(), 1);
  EXPECT_TRUE(rank.fabric.is_global_zero());
  EXPECT_EQ(rank.fabric.restart_count(), 2);
  EXPECT_EQ(rank.fabric.strategy().name(), "single_device");
  EXPECT_EQ(rank.fabric.precision().name(), "32-true");
}

TEST(FabricTest, TakesNamesInAnyCaseAndRefusesUnknownOnes) {
  Options upper;
  upper.accelerator = "CPU";
  upper.strategy = "DDP";
  upper.precision = "32";
  SingleRank rank(std::move(upper));
  EXPECT_EQ(rank.fabric.strategy().name(), "ddp");

  Options unknown;
  unknown.strategy = "dpd";
  EXPECT_THAT([&unknown] { SingleRank{unknown}; }, ThrowsMessage<UsageError>(HasSubstr("but is 'dpd'")));
}

TEST(FabricTest, SeedsTheGenerators) {
  SingleRank rank;

  EXPECT_EQ(rank.fabric.seed_everything(42), 42u);
  const at::Tensor first = torch::rand(4);
  rank.fabric.seed_everything(42);

  EXPECT_TRUE(torch::equal(first, torch::rand(4)));
}

TEST(FabricTest, TakesTheJobsSeedAndRefusesOnesOutOfBounds) {
  Options options;
  options.seed = 7;
  SingleRank rank(std::move(options));

  EXPECT_EQ(rank.fabric.seed_everything(), 7u);
  EXPECT_EQ(rank.fabric.seed_everything(4294967295), 4294967295u);
  EXPECT_THAT([&] { rank.fabric.seed_everything(4294967296); },
              ThrowsMessage<UsageError>(HasSubstr("must be in [0, 4294967295], but is 4294967296")));
}

TEST(FabricTest, TrainsAModelUntilItFits) {
  SingleRank rank;
  rank.fabric.seed_everything(1);
  auto [model, optimizer] =
      rank.fabric.setup(torch::nn::Linear(2, 1), torch::optim::SGD(std::vector<at::Tensor>{torch::ones(1)}, 1.0));
  auto descent = rank.fabric.setup_optimizer(optim::SGD(model.parameters(), 0.1));
  State state{{"model", model}};
  const at::Tensor x = torch::randn({32, 2});
  const at::Tensor y = x.matmul(torch::tensor({{1.0f}, {-2.0f}}));

  at::Tensor loss;
  for (int i = 0; i < 200; ++i) {
    loss = torch::mse_loss(model(x), y);
    rank.fabric.backward(loss);
    descent.step();
    descent.zero_grad();
    rank.fabric.end_step(state);
  }

  EXPECT_LT(loss.item<double>(), 1e-4);
  EXPECT_EQ(rank.fabric.step(), 200);
  EXPECT_EQ(rank.environment.last_step, 200);
}

TEST(FabricTest, SavesItsStateAndStopsAtTheAgreedStep) {
  SingleRank rank;
  at::Tensor weight = torch::full({2}, 3.0);
  State state{{"weight", weight}};
  EXPECT_FALSE(rank.fabric.should_stop());
  rank.environment.stop_step = 2;
  EXPECT_TRUE(rank.fabric.should_stop());

  rank.fabric.end_step(state);
  EXPECT_THROW(rank.fabric.end_step(state), Stop);

  const Value checkpoint = rank.fabric.load(rank.environment.run_directory() + "/checkpoints/step-2.ckpt");
  EXPECT_TRUE(torch::equal(checkpoint.find("weight")->to_tensor(), weight));
  EXPECT_EQ(rank.environment.last_step, 2);
}

TEST(FabricTest, AStateThatCannotBeSavedIsAFailureAndNoStop) {
  SingleRank rank;
  State state;
  rank.environment.stop_step = 1;
  std::ofstream(rank.environment.run_directory() + "/checkpoints") << "a file where a directory must be";

  EXPECT_THROW(rank.fabric.end_step(state), SystemError);
}

TEST(FabricTest, RefusesLossesThatCannotBeDescended) {
  SingleRank rank;
  const at::Tensor parameter = torch::ones(3).requires_grad_();

  EXPECT_THAT([&] { rank.fabric.backward(parameter * 2); },
              ThrowsMessage<UsageError>(HasSubstr("must be a scalar, but is of shape [3]")));
  EXPECT_THAT([&] { rank.fabric.backward(at::Tensor()); }, ThrowsMessage<UsageError>(HasSubstr("undefined")));
  EXPECT_THAT([&] { rank.fabric.backward(torch::ones(1)); },
              ThrowsMessage<UsageError>(HasSubstr("requires a gradient")));
}

TEST(FabricTest, CollectivesOfOneRankKeepValuesAndStackGathered) {
  SingleRank rank;
  std::vector<at::Tensor> tree{torch::ones(2), torch::zeros(3)};

  rank.fabric.all_reduce(tree);
  rank.fabric.barrier("here");

  EXPECT_EQ(rank.fabric.all_gather(tree)[1].sizes(), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(rank.fabric.broadcast(Value("text")).to_string(), "text");
  EXPECT_THROW(rank.fabric.broadcast(Value(1), 1), UsageError);
  EXPECT_THROW(rank.fabric.all_reduce(tree, "median"), UsageError);
}

TEST(FabricTest, RunsABodyOnceAndReturnsItsValueOrException) {
  SingleRank rank;
  int calls = 0;

  const int value = rank.fabric.rank_zero_first([&] { return ++calls * 10; });

  EXPECT_EQ(value, 10);
  EXPECT_THAT([&] { rank.fabric.rank_zero_first([] { throw UsageError("mine"); }, /*local=*/true); },
              ThrowsMessage<UsageError>(HasSubstr("mine")));
}

TEST(FabricTest, WritesMetricsOfAStepWhenTheNextOneEnds) {
  const auto logger = std::make_shared<MemoryLogger>();
  Options options;
  options.loggers.emplace_back(logger);
  SingleRank rank(std::move(options));
  State state;

  rank.fabric.log("loss", torch::full({}, 2.0));
  rank.fabric.end_step(state);
  EXPECT_TRUE(logger->rows.empty());
  rank.fabric.log_dict(std::map<std::string, double>{{"loss", 1.0}});
  rank.fabric.end_step(state);

  ASSERT_EQ(logger->rows.size(), 1u);
  EXPECT_EQ(logger->rows[0].first, 0);
  EXPECT_THROW(rank.fabric.log("image", torch::ones({2, 2})), UsageError);
}

TEST(FabricTest, PrintsOneLineOnTheFirstRankOfTheNode) {
  SingleRank rank;

  ::testing::internal::CaptureStdout();
  rank.fabric.print("test accuracy: ", 0.5);

  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "test accuracy: 0.5\n");
}

struct Watcher : Callback {
  void on_after_setup(Fabric&, torch::nn::Module& module) override { log.push_back("setup " + module.name()); }
  void on_after_optimizer_step(Fabric&, Optimizer& optimizer) override {
    log.push_back("step " + std::to_string(optimizer.lr()));
  }
  void on_epoch_end(int epoch) { log.push_back("epoch " + std::to_string(epoch)); }
  std::vector<std::string> log;
};

TEST(FabricTest, CallsTheHooksOfCallbacksThatHaveThem) {
  const auto watcher = std::make_shared<Watcher>();
  Options options;
  options.callbacks = {std::make_shared<Callback>(), watcher};
  SingleRank rank(std::move(options));

  auto [model, optimizer] =
      rank.fabric.setup(torch::nn::Linear(2, 1), torch::optim::SGD(std::vector<at::Tensor>{torch::ones(1)}, 0.5));
  optimizer.step();
  rank.fabric.call(&Watcher::on_epoch_end, 3);

  EXPECT_THAT(watcher->log, ::testing::ElementsAre("setup torch::nn::LinearImpl", "step 0.500000", "epoch 3"));
}

}  // namespace
}  // namespace fabric
