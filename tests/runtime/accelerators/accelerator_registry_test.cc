#include <gmock/gmock.h>

#include "fabric/accelerator.h"
#include "fabric/registry.h"

namespace fabric {
namespace {

AcceleratorRegistry builtins() {
  AcceleratorRegistry registry("accelerator");
  add_builtin_accelerators(registry);
  return registry;
}

TEST(AcceleratorRegistryTest, AutoTakesWhatCanRunHere) {
  const AcceleratorRegistry registry = builtins();
  const std::string expected = registry.why_unavailable("cuda") ? "cpu" : "cuda";

  EXPECT_EQ(registry.create("auto")->name(), expected);
}

TEST(AcceleratorRegistryTest, SaysWhyAnAcceleratorCannotRunHere) {
  const AcceleratorRegistry registry = builtins();
  const auto reason = registry.why_unavailable("cuda");
  if (!reason) GTEST_SKIP() << "this machine has a GPU";

  try {
    registry.create("cuda");
    FAIL() << "must throw";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.what(), "accelerator 'cuda' cannot run here: " + *reason);
  }
}

TEST(AcceleratorRegistryTest, ListsTheNamesForAnUnknownOne) {
  try {
    builtins().create("tpu");
    FAIL() << "must throw";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "accelerator must be one of {auto, cpu, cuda}, but is 'tpu'");
  }
}

}  // namespace
}  // namespace fabric
