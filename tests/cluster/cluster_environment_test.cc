#include "cluster/cluster_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "cluster/local_environment.h"

namespace fabric::cluster {
namespace {

/// Is here where the variable FAKE is set, with as many nodes as it says.
class FakeEnvironment final : public ClusterEnvironment {
 public:
  std::string_view name() const override { return "fake"; }
  std::optional<std::string> evidence(const Variables& variables) const override {
    if (!variables.contains("FAKE")) return std::nullopt;
    return "FAKE is set";
  }
  Result<ClusterInfo> read(const Variables& variables) const override {
    if (variables.at("FAKE").empty()) return invalid_argument("FAKE must be a number, but is empty; unset it");
    ClusterInfo info;
    info.nodes.resize(std::stoul(variables.at("FAKE")));
    info.starter = ProcessStarter::kOthers;
    return info;
  }
};

ClusterEnvironments fake_then_local() {
  ClusterEnvironments environments;
  environments.push_back(std::make_unique<FakeEnvironment>());
  environments.push_back(std::make_unique<LocalEnvironment>());
  return environments;
}

TEST(ClusterEnvironmentTest, DetectTakesTheFirstThatIsHere) {
  const auto found = detect(fake_then_local(), {{"FAKE", "3"}});

  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->environment, "fake");
  EXPECT_EQ(found->evidence, "FAKE is set");
  EXPECT_EQ(found->nodes.size(), 3u);
}

TEST(ClusterEnvironmentTest, DetectFallsBackToTheLocalMachine) {
  const auto found = detect(fake_then_local(), {});

  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->environment, "local");
  EXPECT_FALSE(found->evidence.empty());
}

TEST(ClusterEnvironmentTest, AnEnvironmentThatContradictsItselfIsAnErrorAndNotSkipped) {
  const auto found = detect(fake_then_local(), {{"FAKE", ""}});

  EXPECT_EQ(found.status().code(), StatusCode::kInvalidArgument);
}

TEST(ClusterEnvironmentTest, NoEnvironmentAtAllIsAnError) {
  EXPECT_EQ(detect({}, {}).status().code(), StatusCode::kNotFound);
}

TEST(LocalEnvironmentTest, IsOneNodeWithTheCoresOfThisProcess) {
  const auto found = detect(builtin_environments(), {});

  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->nodes.size(), 1u);
  EXPECT_EQ(found->nodes[0].address, "127.0.0.1");
  EXPECT_FALSE(found->nodes[0].name.empty());
  EXPECT_EQ(found->nodes[0].slots, static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_EQ(found->starter, ProcessStarter::kFabric);
}

}  // namespace
}  // namespace fabric::cluster
