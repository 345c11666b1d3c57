#include "job/job_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "job/job_reader.h"
#include "job/job_schema.h"
#include "job/key_tables.h"
#include "support/file_text.h"

namespace fabric::job {
namespace {

using ::testing::HasSubstr;

const std::string kDocs = FABRIC_DOCS_DIR;

TEST(JobKeysTest, TheDocumentationIsWhatTheTableSays) {
  const std::string text = fabric::testing::file_text(kDocs + "/job-file.md");

  EXPECT_EQ(text, with_key_tables(text)) << "run scripts/job-docs";
  for (const JobKey& key : job_keys()) {
    const std::string section(section_of(key));
    EXPECT_THAT(text, HasSubstr(section.empty() ? "<!-- keys at the top -->" : "<!-- keys of " + section + " -->"));
  }
}

TEST(JobKeysTest, TheSchemaIsWhatTheTableSays) {
  EXPECT_EQ(fabric::testing::file_text(kDocs + "/job.schema.json"), json_schema()) << "run scripts/job-docs";
}

TEST(JobKeysTest, EveryKeyOfTheTableIsRead) {
  std::set<std::string> paths;
  for (const JobKey& key : job_keys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path << " stands twice";
    const std::string path = key.path;
    const auto said =
        parse_job("name: x\nprogram: y.so\n", "job.yaml", "/jobs", {.overrides = {path + "={a: {b: 1}}"}});
    EXPECT_THAT(said.status().message(), ::testing::Not(HasSubstr("keys"))) << path << " must be a key of the reader";
  }
}

/// The keys that the reader says it knows in a section.
std::set<std::string> keys_of_the_reader(const std::string& section) {
  const std::string strange = (section.empty() ? "" : section + ".") + "zzzzzz";
  const auto said = parse_job("name: x\nprogram: y.so\n", "job.yaml", "/jobs", {.overrides = {strange + "=1"}});
  const std::string message = said.status().message();
  constexpr std::string_view kBefore = " must be ", kAfter = ", but one is 'zzzzzz'";
  const size_t start = message.find(kBefore) + kBefore.size();
  std::string list = message.substr(start, message.find(kAfter) - start);
  list.replace(list.find(" and "), 5, ", ");
  std::set<std::string> keys;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(", ", at), list.size());
    keys.insert(list.substr(at, comma - at));
    at = comma + 2;
  }
  return keys;
}

TEST(JobKeysTest, TheReaderKnowsTheKeysOfTheTableAndNoOthers) {
  std::map<std::string, std::set<std::string>> table;
  table[""] = {"include", "profiles"};
  for (const JobKey& key : job_keys()) {
    const std::string section(section_of(key));
    table[section].insert(std::string(name_in_section(key)));
    if (!section.empty()) table[""].insert(section);
  }
  for (const auto& [section, keys] : table) {
    if (section == "env" || keys.size() < 2) continue;  // any name is a variable; one key makes no list
    EXPECT_EQ(keys_of_the_reader(section), keys) << section;
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
