#include "runtime/accelerators/cuda_library.h"

#include <gmock/gmock.h>

namespace fabric {
namespace {

TEST(CudaLibraryTest, HasEitherFunctionsOrAReason) {
  const CudaLibrary& library = cuda_library();

  EXPECT_NE(library.api == nullptr, !library.why_not.has_value());
}

TEST(CudaLibraryTest, NamesTheMissingDriver) {
  const DriverAnswer driver = ask_cuda_driver();
  if (!driver.why_not) GTEST_SKIP() << "this machine has a GPU";

  EXPECT_EQ(driver.device_count, 0);
  EXPECT_THAT(*driver.why_not, ::testing::HasSubstr("NVIDIA driver"));
  EXPECT_EQ(cuda_library().why_not, driver.why_not);
}

}  // namespace
}  // namespace fabric
