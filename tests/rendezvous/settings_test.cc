#include "rendezvous/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::rendezvous {
namespace {

TEST(SettingsTest, DefaultsAreValid) { EXPECT_EQ(validate(Settings{}), ok_status()); }

TEST(SettingsTest, NamesTheRuleThatIsBroken) {
  Settings settings;
  settings.min_nodes = 4;
  settings.max_nodes = 2;

  EXPECT_EQ(validate(settings), invalid_argument("max_nodes must be at least 4, but is 2"));
}

TEST(SettingsTest, RefusesALeaseThatOneLateBeatWouldCost) {
  Settings settings;
  settings.lease = settings.heartbeat_interval * 2;

  EXPECT_THAT(validate(settings).message(), testing::HasSubstr("lease"));
}

}  // namespace
}  // namespace fabric::rendezvous
