#include "job/job_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "job/job_reader.h"
#include "job/job_schema.h"
#include "job/key_tables.h"

namespace fabric::job {
namespace {

using ::testing::HasSubstr;

const std::string kDocs = FABRIC_DOCS_DIR;

TEST(JobKeysTest, TheDocumentationIsWhatTheTableSays) {
  const std::string text = read_whole_file(kDocs + "/job-file.md");

  EXPECT_EQ(text, with_key_tables(text)) << "run scripts/job-docs";
  for (const JobKey& key : job_keys()) {
    const std::string section(section_of(key));
    EXPECT_THAT(text, HasSubstr(section.empty() ? "<!-- keys at the top -->" : "<!-- keys of " + section + " -->"));
  }
}

TEST(JobKeysTest, TheSchemaIsWhatTheTableSays) {
  EXPECT_EQ(read_whole_file(kDocs + "/job.schema.json"), json_schema()) << "run scripts/job-docs";
}

TEST(JobKeysTest, EveryKeyOfTheTableIsReadAndOnlyThose) {
  std::set<std::string> paths;
  for (const JobKey& key : job_keys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path << " stands twice";
    const std::string path = key.path;
    const auto said =
        parse_job("name: x\nprogram: y.so\n", "job.yaml", "/jobs", {.overrides = {path + "={a: {b: 1}}"}});
    EXPECT_THAT(said.status().message(), ::testing::Not(HasSubstr("keys"))) << path << " must be a key of the reader";
  }
  for (const std::string section : {"", "fabric.", "elastic.", "env.", "limits.", "output."}) {
    const std::string strange = section + "zzzzzz";
    const auto said =
        parse_job("name: x\nprogram: y.so\n", "job.yaml", "/jobs", {.overrides = {strange + "={a: {b: 1}}"}});
    const std::string message = said.status().message();
    if (section == "env.") continue;  // any name is a variable
    for (const JobKey& key : job_keys()) {
      const std::string path = key.path;
      const bool is_here = section.empty() ? path.find('.') == std::string::npos : path.starts_with(section);
      if (!is_here) continue;
      EXPECT_THAT(message, HasSubstr(path.substr(section.size()))) << "and the reader's list has it";
    }
  }
}

TEST(JobKeysTest, ADefaultReadsBackToTheDefault) {
  for (const JobKey& key : job_keys()) {
    if (key.default_words != nullptr) continue;
    const auto job = parse_job("name: x\nprogram: y.so\n", "job.yaml", "/jobs",
                               {.overrides = {std::string(key.path) + "=" + default_of(key)}});
    ASSERT_TRUE(job.ok()) << key.path << ": " << job.status().message();
    EXPECT_EQ(key.value(job->spec), key.value(JobSpec())) << key.path;
  }
}

TEST(JobKeysTest, TheSchemaNamesEveryKey) {
  const auto schema = nlohmann::json::parse(json_schema());
  for (const JobKey& key : job_keys()) {
    const std::string section(section_of(key));
    const std::string name = section.empty() ? key.path : std::string(key.path).substr(section.size() + 1);
    const auto& map = section.empty() ? schema : schema.at("properties").at(section);
    EXPECT_TRUE(map.at("properties").contains(name)) << key.path;
    EXPECT_TRUE(schema.at("$defs").at("part").at("properties").contains(section.empty() ? name : section)) << key.path;
  }
}

}  // namespace
}  // namespace fabric::job
