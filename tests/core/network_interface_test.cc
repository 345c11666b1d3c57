#include "core/network_interface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric {
namespace {

using ::testing::HasSubstr;

TEST(NetworkInterfaceTest, TellsTheAddressOfTheLoopback) {
  const Result<std::string> address = address_of_interface("lo");

  ASSERT_TRUE(address.ok()) << address.error().message();
  EXPECT_EQ(*address, "127.0.0.1");
}

TEST(NetworkInterfaceTest, NamesThoseThatThereAre) {
  const Result<std::string> address = address_of_interface("none0");

  ASSERT_FALSE(address.ok());
  EXPECT_EQ(address.error().code(), StatusCode::kNotFound);
  EXPECT_THAT(address.error().message(), HasSubstr("'none0' is none; this host has "));
  EXPECT_THAT(address.error().message(), HasSubstr("lo (127.0.0.1)"));
}

}  // namespace
}  // namespace fabric
