// The schema for editors beside the reader: what the reader takes, the schema does not mark as wrong. Python's jsonschema knows.

#include "job/job_schema.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "job/job_reader.h"
#include "support/temporary_directory.h"

namespace fabric::job {
namespace {

using fabric::testing::TemporaryDirectory;

constexpr const char* kLeast = "name: x\nprogram: y.so\n";

class JobSchemaTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.file(name)) << text;
    return directory_.file(name);
  }
  /// Returns the names of those files that the schema refuses; nullopt if Python cannot tell.
  std::optional<std::set<std::string>> refused(const std::vector<std::string>& files) {
    std::string command = "python3 '" FABRIC_CHECK_SCHEMA "' '" + write("schema.json", json_schema()) + "'";
    for (const std::string& file : files) command += " '" + file + "'";
    FILE* const pipe = ::popen(command.c_str(), "r");
    std::set<std::string> names;
    char line[256];
    while (std::fgets(line, sizeof line, pipe) != nullptr) names.insert(std::string(line, std::strlen(line) - 1));
    const int status = ::pclose(pipe);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) return std::nullopt;
    EXPECT_EQ(status, 0) << command;
    return names;
  }
  TemporaryDirectory directory_;
};

TEST_F(JobSchemaTest, TakesWhatTheReaderTakes) {
  const std::vector<std::string> kGood = {
      "fabric: {accelerator: CPU, strategy: DDP, devices: AUTO, precision: null}",
      "fabric: {accelerator: Auto, strategy: Single_Device, devices: '1', num_nodes: '1', precision: 32, loggers: csv}",
      "fabric: {loggers: [csv]}\nelastic: {max_node_losses: unlimited, scale_up_wait: never, lease: 1.5s}",
      "cluster: {environment: LOCAL, simulate_nodes: 3}\nnetwork: {interface: eth0}",
      "logging: {level: debug, coordinator: true}\noutput: {ranks: [0, 1], rotate: 1.5MiB}",
      "env: {A: 1, B: text, C: true}\nargs:\nelastic:",
      "env: {pass: ['NCCL_*'], set: {A: 'r${rank}'}}\nargs: {a: [1, null], b: '${rank}'}",
      "limits: {core: 0B, open_files: unlimited, memory: 1GiB}\nprofiles: {p: {fabric: {strategy: DDP}}}"};
  std::vector<std::string> files;
  for (size_t i = 0; i < kGood.size(); ++i) {
    const std::string text = kLeast + kGood[i] + "\n";
    const auto job = parse_job(text, "job.yaml", "/jobs");
    EXPECT_TRUE(job.ok()) << job.status().message();
    files.push_back(write("good" + std::to_string(i), text));
  }
  for (const auto& entry : std::filesystem::directory_iterator(FABRIC_CONFIGS_DIR))
    files.push_back(entry.path().string());
  files.push_back(write("bad", std::string(kLeast) + "fabric: {stratgy: ddp}\n"));

  const auto names = refused(files);

  if (!names.has_value()) GTEST_SKIP() << "needs python3 with jsonschema and yaml";
  EXPECT_EQ(*names, std::set<std::string>{"bad"});
}

}  // namespace
}  // namespace fabric::job
