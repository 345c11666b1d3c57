#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fabric/accelerator.h"
#include "fabric/error.h"

namespace fabric::testing {

/// An accelerator to be tried: where `why_unavailable` gives a reason, its tests are skipped with it.
struct AcceleratorCase {
  std::string name;
  std::function<std::optional<std::string>()> why_unavailable;
  std::function<std::unique_ptr<Accelerator>()> create;
};

inline std::string accelerator_case_name(const ::testing::TestParamInfo<AcceleratorCase>& info) {
  return info.param.name;
}

/// What every accelerator must do.
class AcceleratorConformanceTest : public ::testing::TestWithParam<AcceleratorCase> {
 protected:
  void SetUp() override {
    if (const auto reason = GetParam().why_unavailable()) GTEST_SKIP() << *reason;
    accelerator_ = GetParam().create();
  }
  std::unique_ptr<Accelerator> accelerator_;
};

TEST_P(AcceleratorConformanceTest, HasTheNameThatItIsRegisteredUnder) {
  EXPECT_EQ(accelerator_->name(), GetParam().name);
}

TEST_P(AcceleratorConformanceTest, HasADeviceForEveryRankThatAutoStarts) {
  ASSERT_GE(accelerator_->auto_device_count(), 1);
  for (int rank = 0; rank < accelerator_->auto_device_count(); ++rank) {
    EXPECT_EQ(accelerator_->device(rank).type(), accelerator_->device(0).type());
  }
}

TEST_P(AcceleratorConformanceTest, ComputesOnTheDeviceThatItSetsUp) {
  const c10::Device device = accelerator_->device(0);

  accelerator_->setup(device);

  EXPECT_EQ(at::ones({2, 2}, device).sum().item<double>(), 4);
}

TEST_P(AcceleratorConformanceTest, RefusesTheDeviceOfAnother) {
  EXPECT_THROW(accelerator_->setup(c10::Device(c10::kMeta)), UsageError);
}

TEST_P(AcceleratorConformanceTest, NamesABackendOfProcessGroups) {
  const std::string backend = accelerator_->process_group_backend();
  EXPECT_TRUE(backend == "gloo" || backend == "nccl") << backend;
}

}  // namespace fabric::testing
