// The forms of `devices`, as the tables of Lightning Fabric have them (for N visible accelerators), with its faults mended:
// -2 is not "none available", and what the CPU has no answer for is refused.

#include "job/device_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::job {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

/// What `devices: <yaml>` chooses out of `pool`.
Result<std::vector<int>> chosen(const std::string& yaml, const DevicePool& pool) {
  Diagnostics diagnostics;
  const int source = diagnostics.add_source({.name = "job.yaml"});
  const auto root = parse_yaml("devices: " + yaml, source, diagnostics);
  if (!root.has_value()) return diagnostics.status();
  FABRIC_ASSIGN_OR_RETURN(const DeviceRequest request, read_device_request(*root->find("devices")));
  return choose_devices(request, pool);
}

struct Row {
  const char* yaml;
  int visible;                 // -1: the CPU
  std::vector<int> devices{};  // if it is good
  const char* fault = nullptr;
};

class DeviceRequestTest : public ::testing::TestWithParam<Row> {};

TEST_P(DeviceRequestTest, ChoosesOrSaysWhyNot) {
  const Row& row = GetParam();

  const auto devices = chosen(row.yaml, {.is_cpu = row.visible < 0, .visible = std::max(row.visible, 0)});

  if (row.fault == nullptr) {
    ASSERT_TRUE(devices.ok()) << row.yaml << ": " << devices.status().message();
    EXPECT_THAT(*devices, ElementsAreArray(row.devices)) << row.yaml;
  } else {
    ASSERT_FALSE(devices.ok()) << row.yaml;
    EXPECT_THAT(devices.status().message(), HasSubstr(row.fault)) << row.yaml;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Accelerators, DeviceRequestTest,
    ::testing::Values(
        Row{"", 4, {}, "but is null"}, Row{"~", 4, {}, "but is null"}, Row{"0", 4, {}, "but is the number 0"},
        Row{"'0'", 4, {}, "but is '0'"}, Row{"[]", 4, {}, "names none"}, Row{"1", 4, {0}}, Row{"3", 4, {0, 1, 2}},
        Row{"'3'", 4, {0, 1, 2}}, Row{"'0,'", 4, {0}}, Row{"'2,'", 4, {2}}, Row{"2,", 4, {2}}, Row{"'1, 3'", 4, {1, 3}},
        Row{"0,1", 4, {0, 1}}, Row{"[1, 3]", 4, {1, 3}}, Row{"[3, 1]", 4, {3, 1}}, Row{"'1,,2'", 4, {1, 2}},
        Row{"','", 4, {}, "names none"}, Row{"-1", 4, {0, 1, 2, 3}}, Row{"'-1'", 4, {0, 1, 2, 3}},
        Row{"-1", 0, {}, "this machine has none"}, Row{"'-1'", 0, {}, "this machine has none"},
        Row{"auto", 4, {0, 1, 2, 3}}, Row{"AUTO", 4, {0, 1, 2, 3}}, Row{"auto", 0, {}, "this machine has none"},
        Row{"-2", 4, {}, "must be a number of ranks of at least 1, or auto, but is the number -2"},
        Row{"true", 4, {}, "but is the boolean true"}, Row{"1.0", 4, {}, "but is the number 1"},
        Row{"1.5", 4, {}, "but is the number 1.5"},
        Row{"[-1]", 4, {}, "by numbers from 0 to 4095, but has the number -1"},
        Row{"[null]", 4, {}, "by numbers from 0 to 4095, but has null"},
        Row{"['0']", 4, {}, "by numbers from 0 to 4095, but has '0'"},
        Row{"[0.5]", 4, {}, "by numbers from 0 to 4095, but has the number 0.5"},
        Row{"[[0]]", 4, {}, "by numbers from 0 to 4095, but has a list"},
        Row{"'-1,0'", 4, {}, "by numbers from 0 to 4095, but has '-1'"},
        Row{"[0, 0]", 4, {}, "must name each accelerator once, but names 0 twice"},
        Row{"'1,1'", 4, {}, "must name each accelerator once, but names 1 twice"},
        Row{"5", 4, {}, "must be at most 4, as this machine has that many accelerators, but is 5"},
        Row{"[0, 7]", 4, {}, "must name numbers below 4, as this machine has that many accelerators, but names 7"},
        Row{"{a: 1}", 4, {}, "but is a map"}, Row{"two", 4, {}, "but is 'two'"}, Row{"08", 4, {}, "but is '08'"},
        Row{"99999999999999999999", 4, {}, "but is '99999999999999999999'"}));

INSTANTIATE_TEST_SUITE_P(Cpu, DeviceRequestTest,
                         ::testing::Values(Row{"auto", -1, {0}}, Row{"1", -1, {0}}, Row{"3", -1, {0, 1, 2}},
                                           Row{"'2'", -1, {0, 1}}, Row{"-1", -1, {}, "the CPU is one"},
                                           Row{"[3]", -1, {}, "which the CPU does not have"},
                                           Row{"'0,1'", -1, {}, "which the CPU does not have"},
                                           Row{"0", -1, {}, "at least 1"}, Row{"-2", -1, {}, "at least 1"},
                                           Row{"4097", -1, {}, "must be at most 4096, but is 4097"}));

/// Lightning Fabric's _determine_root_gpu_device(): the first that is listed, not the lowest; none for None, which a job cannot
/// say (row "" above).
TEST(RootDeviceTest, IsTheFirstThatIsListed) {
  EXPECT_EQ(chosen("[3, 1]", {.is_cpu = false, .visible = 4})->front(), 3);
  EXPECT_EQ(chosen("'2,'", {.is_cpu = false, .visible = 4})->front(), 2);
  EXPECT_EQ(chosen("auto", {.is_cpu = false, .visible = 4})->front(), 0);
}

/// torchelastic may show each rank its own accelerator alone: what is asked for is the node's then.
TEST(TorchelasticTest, DoesNotCompareWhatIsAskedForWithTheOneThatARankSees) {
  const DevicePool its_own{.is_cpu = false, .visible = 1, .is_torchelastic = true};
  EXPECT_EQ(*chosen("4", its_own), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(*chosen("[1, 3]", its_own), (std::vector<int>{1, 3}));
  EXPECT_EQ(*chosen("-1", its_own), std::vector<int>{0});
  EXPECT_FALSE(chosen("4", {.is_cpu = false, .visible = 2, .is_torchelastic = true}).ok()) << "they see the node's";
  EXPECT_FALSE(chosen("4", {.is_cpu = false, .visible = 1}).ok());
}

/// MPS is a pool of one: index 0 only, and auto is that one.
INSTANTIATE_TEST_SUITE_P(Mps, DeviceRequestTest,
                         ::testing::Values(Row{"auto", 1, {0}}, Row{"-1", 1, {0}}, Row{"1", 1, {0}}, Row{"[0]", 1, {0}},
                                           Row{"[1]", 1, {}, "must name numbers below 1"},
                                           Row{"2", 1, {}, "must be at most 1"}));

}  // namespace
}  // namespace fabric::job
