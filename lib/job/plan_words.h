#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "core/generation_plan.h"
#include "core/log.h"
#include "job/job_spec.h"

namespace fabric::job {

// The words of a job for what has enumerators, by enumerator.

inline constexpr std::array<std::pair<std::string_view, StartMethod>, 2> kStartMethodWords = {
    {{"forkserver", StartMethod::kForkServer}, {"exec", StartMethod::kExec}}};
inline constexpr std::array<std::pair<std::string_view, Binding>, 3> kBindingWords = {
    {{"none", Binding::kNone}, {"cores", Binding::kCores}, {"numa", Binding::kNuma}}};
inline constexpr std::array<std::pair<std::string_view, MetricMode>, 2> kMetricModeWords = {
    {{"min", MetricMode::kMin}, {"max", MetricMode::kMax}}};
inline constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kLogLevelWords = {
    {{"debug", LogLevel::kDebug},
     {"info", LogLevel::kInfo},
     {"warning", LogLevel::kWarning},
     {"error", LogLevel::kError}}};

/// Returns the word for `value` out of one of the lists above.
template <class Words, class Value>
constexpr std::string_view word_for(const Words& words, Value value) {
  return words[static_cast<size_t>(value)].first;
}

}  // namespace fabric::job
