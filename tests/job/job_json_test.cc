#include "job/job_json.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <random>

#include "job/job_reader.h"
#include "job/macros.h"
#include "job/scalar.h"

namespace fabric::job {
namespace {

/// Text that one YAML reader or another takes for something else.
const std::vector<std::string> kNasty = {
    "",   " ",    "no",    "~",    "null",        "0x1F",  "08",  "1e3", "12:30",   "- a",   "a: b",     "# c",
    "'",  "\"",   "a\nb",  "a\n",  "\ttab",       "{x}",   "[x]", "*a",  "&a",      "!t",    "|",        ">",
    "%d", "@",    "é",     "雪",   "🎲",           "a\\b",  "---", "...", "\u2028x", "true ", " leading", "10",
    "-0", ".inf", "1_000", "a  b", "${env:HOME}", "$${x}", "$",   "${",  "a$${b"};

class RandomJob {
 public:
  explicit RandomJob(uint32_t seed) : random_(seed) {}

  JobSpec make() {
    JobSpec spec;
    spec.name = "job-" + std::to_string(pick(1000));
    spec.program = "/p/" + nasty_path();
    for (int i = 0; i < pick(6); ++i) spec.args.emplace_back("a" + std::to_string(i), value());
    spec.fabric.devices = pick(2) == 0 ? std::optional<int>() : 1 + pick(8);
    spec.fabric.num_nodes = 1 + pick(3);
    spec.fabric.strategy = pick(2) == 0 ? "ddp" : "auto";
    if (pick(2) == 0) spec.fabric.loggers = {"csv"};
    spec.elastic.min_nodes = 1 + pick(3);
    spec.elastic.max_nodes = spec.elastic.min_nodes + pick(3);
    spec.elastic.max_restarts = pick(9);
    spec.elastic.heartbeat = std::chrono::milliseconds(10 + pick(500));
    spec.elastic.lease = spec.elastic.heartbeat * 4;
    for (int i = 0; i < pick(4); ++i) spec.env.set["E" + std::to_string(i)] = template_text();
    if (pick(2) == 0) spec.env.pass = std::vector<std::string>{"A", "NCCL_*"};
    if (pick(2) == 0) spec.env.secret = {"TOKEN"};
    if (pick(2) == 0) spec.cluster = {"local", pick(9)};
    if (pick(2) == 0) spec.network.interface = "eth" + std::to_string(pick(3));
    spec.logging = {std::array{LogLevel::kDebug, LogLevel::kWarning, LogLevel::kError}[static_cast<size_t>(pick(3))],
                    pick(2) == 0};
    spec.elastic.max_strikes = pick(5);
    if (pick(2) == 0) spec.elastic.max_node_losses = pick(5);
    if (pick(2) == 0) spec.elastic.max_preemptions = pick(5);
    if (pick(2) == 0) spec.elastic.scale_up_wait = std::chrono::milliseconds(pick(5'000));
    if (pick(2) == 0) spec.workdir = "/w/" + nasty_path();
    if (pick(2) == 0) spec.threads = 1 + pick(64);
    spec.elastic.restart_window = std::chrono::milliseconds(pick(3) * 1'000);
    spec.elastic.max_failures_without_progress = pick(4);
    spec.elastic.stop_timeout = std::chrono::milliseconds(pick(100'000));
    spec.start_method = pick(2) == 0 ? StartMethod::kForkServer : StartMethod::kExec;
    spec.binding = std::array{Binding::kNone, Binding::kCores, Binding::kNuma}[static_cast<size_t>(pick(3))];
    spec.limits = {limit(), limit(), limit(), limit()};
    if (pick(2) == 0) spec.output.rotate_bytes = 1'024 + pick(1'000'000);
    if (pick(2) == 0) spec.output.ranks = std::vector<int>{pick(4), 4 + pick(4)};
    if (pick(2) == 0) spec.output.directory = "/runs";
    spec.directory = "/jobs";
    return spec;
  }

 private:
  int64_t limit() {
    return std::array<int64_t, 3>{-1, INT64_MAX, (64 << 20) + pick(1'000)}[static_cast<size_t>(pick(3))];
  }
  int pick(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }
  std::string nasty() { return kNasty[static_cast<size_t>(pick(static_cast<int>(kNasty.size())))]; }
  std::string nasty_path() { return "x" + nasty() + "y"; }
  ArgScalar scalar() {
    switch (pick(5)) {
      case 0:
        return std::monostate();
      case 1:
        return pick(2) == 0;
      case 2:
        return static_cast<int64_t>(random_()) * (pick(2) == 0 ? -1 : 2'147'483'647);
      case 3:
        return std::ldexp(static_cast<double>(random_()), pick(200) - 100);
      default:
        return template_text();
    }
  }
  /// Text with a plain "${" escaped, and macros of ranks.
  std::string template_text() {
    const std::string text = escape_macros(nasty());
    return pick(3) == 0 && !text.ends_with('$') ? text + "${rank}" + escape_macros(nasty()) : text;
  }
  ArgValue value() {
    if (pick(4) != 0) return scalar();
    std::vector<ArgScalar> list;
    for (int i = 0; i < pick(4); ++i) list.push_back(scalar());
    return list;
  }

  std::mt19937 random_;
};

TEST(JobJsonTest, TheYamlOfAJobReadsBackToTheSameJob) {
  for (uint32_t seed = 0; seed < 2'000; ++seed) {
    const JobSpec spec = RandomJob(seed).make();

    const auto back = parse_job(to_yaml(spec), "job.yaml", "/elsewhere", {.variables = {{"TOKEN", "s3cret"}}});

    ASSERT_TRUE(back.ok()) << back.status().message() << "\n" << to_yaml(spec);
    ASSERT_EQ(back->spec, spec) << "seed " << seed << "\n" << to_yaml(spec);
  }
}

TEST(JobJsonTest, TheJsonOfAJobHoldsItsTypes) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    const JobSpec spec = RandomJob(seed).make();

    const auto json = nlohmann::json::parse(to_json(spec));

    EXPECT_EQ(json.at("name"), spec.name);
    EXPECT_EQ(*parse_duration(json.at("elastic").at("lease").get<std::string>()), spec.elastic.lease);
    EXPECT_EQ(*parse_duration(json.at("elastic").at("stop_timeout").get<std::string>()), spec.elastic.stop_timeout);
    EXPECT_EQ(json.at("binding") == "numa", spec.binding == Binding::kNuma);
    const auto limits = json.value("limits", nlohmann::json::object());
    EXPECT_EQ(!limits.contains("core"), spec.limits.core_bytes < 0);
    EXPECT_EQ(limits.value("processes", nlohmann::json()) == "unlimited", spec.limits.processes == INT64_MAX);
    ASSERT_EQ(json.at("args").size(), spec.args.size());
    for (const auto& [name, value] : spec.args) {
      const auto* scalar = std::get_if<ArgScalar>(&value);
      const auto& there = json.at("args").at(name);
      EXPECT_EQ(there.is_array(), scalar == nullptr);
      if (scalar == nullptr) continue;
      EXPECT_EQ(there.is_null(), std::holds_alternative<std::monostate>(*scalar));
      EXPECT_EQ(there.is_boolean(), std::holds_alternative<bool>(*scalar));
      if (const auto* number = std::get_if<int64_t>(scalar)) {
        EXPECT_EQ(there, *number);
      }
      if (const auto* number = std::get_if<double>(scalar)) {
        EXPECT_EQ(there.get<double>(), *number);
      }
      if (const auto* text = std::get_if<std::string>(scalar)) {
        EXPECT_EQ(there, *text);
      }
    }
  }
}

}  // namespace
}  // namespace fabric::job
