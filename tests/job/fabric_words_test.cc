// The words of Lightning Fabric's constructor, row by row: what this version has, what it says is not there yet, what is wrong.

#include "job/fabric_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job/job_reader.h"

namespace fabric::job {
namespace {

using ::testing::HasSubstr;

Result<FabricOptions> read(const std::string& fabric, const Variables& variables = {}) {
  auto job =
      parse_job("name: x\nprogram: y.so\nfabric: {" + fabric + "}\n", "job.yaml", "/jobs", {.variables = variables});
  if (!job.ok()) return job.status();
  return job->spec.fabric;
}

std::string fault(const std::string& fabric) { return read(fabric).status().message(); }

TEST(FabricWordsTest, EveryNameOfAStrategyIsKnown) {
  for (const char* const good : {"auto", "single_device", "ddp"}) {
    EXPECT_EQ(read(std::string("strategy: ") + good)->strategy, good);
  }
  EXPECT_EQ(read("strategy: DDP")->strategy, "ddp") << "capitals do not count";
  for (const char* const later :
       {"ddp_find_unused_parameters_true", "ddp_spawn", "ddp_fork", "ddp_notebook", "dp", "fsdp", "fsdp_cpu_offload",
        "deepspeed", "deepspeed_stage_1", "deepspeed_stage_1_offload", "deepspeed_stage_2", "deepspeed_stage_2_offload",
        "deepspeed_stage_3", "deepspeed_stage_3_offload", "deepspeed_stage_3_offload_nvme", "xla", "single_xla",
        "xla_fsdp", "single_tpu"}) {
    EXPECT_THAT(fault(std::string("strategy: ") + later), HasSubstr("is not there yet in this version")) << later;
  }
  EXPECT_THAT(fault("strategy: ddp_find_unused_parameters_false"),
              HasSubstr("must be one of auto, single_device and ddp"));
  EXPECT_THAT(fault("strategy: fsd"), HasSubstr("did you mean 'fsdp'?"));
}

TEST(FabricWordsTest, EveryNameOfAPrecisionIsKnown) {
  for (const char* const good : {"32-true", "32", "'32'", "'32-true'"}) {
    EXPECT_EQ(read(std::string("precision: ") + good)->precision, "32-true") << good;
  }
  const std::vector<std::pair<const char*, const char*>> kLater = {
      {"64-true", "64-true"},
      {"64", "64-true"},
      {"16-true", "16-true"},
      {"16-mixed", "16-mixed"},
      {"16", "16-mixed"},
      {"'16'", "16-mixed"},
      {"bf16-true", "bf16-true"},
      {"bf16-mixed", "bf16-mixed"},
      {"bf16", "bf16-mixed"},
      {"transformer-engine", "transformer-engine"},
      {"transformer-engine-float16", "transformer-engine-float16"}};
  for (const auto& [word, meaning] : kLater) {
    EXPECT_THAT(fault(std::string("precision: ") + word),
                HasSubstr(std::string("'") + meaning + "' is not there yet in this version"))
        << word;
  }
  for (const char* const wrong : {"nf4", "int8", "8", "'32 true'", "33"}) {
    EXPECT_THAT(fault(std::string("precision: ") + wrong), HasSubstr("must be one of 32-true")) << wrong;
  }
}

TEST(FabricWordsTest, EveryNameOfAnAcceleratorIsKnown) {
  EXPECT_EQ(read("accelerator: auto")->accelerator, "auto");
  EXPECT_EQ(read("accelerator: CPU")->accelerator, "cpu");
  for (const char* const later : {"cuda", "gpu", "mps", "tpu"}) {
    EXPECT_THAT(fault(std::string("accelerator: ") + later), HasSubstr("is not there yet in this version")) << later;
  }
  EXPECT_THAT(fault("accelerator: npu"), HasSubstr("must be one of auto and cpu"));
}

TEST(FabricWordsTest, ANumberOfNodesIsAtLeastOneAndMayBeText) {
  EXPECT_EQ(read("num_nodes: 3")->num_nodes, 3);
  EXPECT_EQ(read("num_nodes: '3'")->num_nodes, 3);
  EXPECT_EQ(read("", {{"LT_NUM_NODES", "3"}})->num_nodes, 3);
  for (const char* const wrong : {"0", "-1", "1.5", "auto", "[1]"}) {
    EXPECT_THAT(fault(std::string("num_nodes: ") + wrong), HasSubstr("must be an integer from 1 to 100000")) << wrong;
  }
}

TEST(FabricWordsTest, AutoFollowsFromTheNumberOfRanks) {
  EXPECT_EQ(strategy_for("auto", 1), "single_device");
  EXPECT_EQ(strategy_for("auto", 2), "ddp") << "several devices, or several nodes of one";
  EXPECT_EQ(strategy_for("ddp", 1), "ddp");
  EXPECT_EQ(strategy_for("single_device", 1), "single_device");
  EXPECT_THAT(fault("strategy: single_device, devices: 2"), HasSubstr("'single_device' runs one rank"));
  EXPECT_THAT(fault("strategy: single_device, num_nodes: 2"), HasSubstr("'single_device' runs one rank"));
  EXPECT_EQ(ranks_per_node({}), 1) << "auto on the CPU";
  EXPECT_EQ(ranks_per_node({.devices = 4}), 4);
}

}  // namespace
}  // namespace fabric::job
