#include "runtime/api/run_checkpoints.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/api/run_state.h"
#include "runtime/checkpoint/atomic_file.h"

namespace fabric {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".ckpt";
constexpr const char* kBestName = "best.ckpt";

std::string file_name_of(const std::string& path) { return fs::path(path).filename().string(); }

}  // namespace

std::string RunCheckpoints::name_of(int64_t step) { return concat(kPrefix, step, kSuffix); }

std::optional<int64_t> RunCheckpoints::step_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const char* const begin = name.data() + kPrefix.size();
  const char* const end = name.data() + name.size() - kSuffix.size();
  int64_t step = 0;
  const auto [stopped, error] = std::from_chars(begin, end, step);
  return begin < end && error == std::errc() && stopped == end && step >= 0 ? std::optional(step) : std::nullopt;
}

void RunCheckpoints::remove_unfinished() const {
  std::error_code error;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.') && name.ends_with(AtomicFile::kUnfinishedSuffix)) fs::remove(entry->path(), ignored);
  }
}

std::vector<std::string> RunCheckpoints::newest_first() const {
  std::vector<StoredCheckpoint> all = io_.list(directory_);
  // A store may know seconds only.
  const auto age = [](const StoredCheckpoint& one) {
    return std::pair(one.written_at, step_of(file_name_of(one.path)));
  };
  std::sort(all.begin(), all.end(), [&age](const auto& a, const auto& b) { return age(a) > age(b); });
  std::vector<std::string> paths;
  for (StoredCheckpoint& one : all) paths.push_back(std::move(one.path));
  return paths;
}

void RunCheckpoints::after_save(int64_t step, std::optional<double> metric) {
  if (!policy_.keep_last && policy_.best.empty()) return;
  find_kept();
  std::vector<Kept>& kept = *kept_;
  std::erase_if(kept, [step](const Kept& one) { return one.step >= step; });  // of a life that went on from before them
  kept.push_back({step, metric});
  std::set<int64_t> stay;
  const std::vector<Kept> best = best_first();
  for (size_t i = 0; i < std::min(best.size(), static_cast<size_t>(policy_.keep_best)); ++i) stay.insert(best[i].step);
  if (!best.empty()) point_best_at(best.front().step);
  const auto latest = static_cast<size_t>(policy_.keep_last.value_or(static_cast<int64_t>(kept.size())));
  for (size_t i = kept.size() - std::min(latest, kept.size()); i < kept.size(); ++i) stay.insert(kept[i].step);
  for (const Kept& one : kept) {
    if (stay.count(one.step) == 0) io_.remove(concat(directory_, '/', name_of(one.step)));
  }
  std::erase_if(kept, [&stay](const Kept& one) { return stay.count(one.step) == 0; });
}

// What an earlier life of the run has left; one that cannot be read has no metric and stays until it is old enough.
void RunCheckpoints::find_kept() {
  if (kept_) return;
  kept_.emplace();
  for (const StoredCheckpoint& one : io_.list(directory_)) {
    const auto step = step_of(file_name_of(one.path));
    if (!step) continue;
    std::optional<double> metric;
    try {
      if (!policy_.best.empty()) metric = saved_metric(io_.load(one.path, Verify::kFirstTouch), policy_.best);
    } catch (const Error&) {
    }
    kept_->push_back({*step, metric});
  }
  std::sort(kept_->begin(), kept_->end(), [](const Kept& a, const Kept& b) { return a.step < b.step; });
}

std::vector<RunCheckpoints::Kept> RunCheckpoints::best_first() const {
  std::vector<Kept> best;
  if (policy_.best.empty()) return best;
  std::copy_if(kept_->begin(), kept_->end(), std::back_inserter(best),
               [](const Kept& one) { return one.metric.has_value() && *one.metric == *one.metric; });
  std::stable_sort(best.begin(), best.end(), [this](const Kept& a, const Kept& b) {
    return policy_.best_is_max ? *a.metric > *b.metric : *a.metric < *b.metric;
  });
  return best;
}

// Where they are files; a store elsewhere has no links.
void RunCheckpoints::point_best_at(int64_t step) const {
  if (!fs::exists(concat(directory_, '/', name_of(step)))) return;
  const std::string fresh = concat(directory_, "/.", kBestName, '.', ::getpid());
  std::error_code error;
  fs::remove(fresh, error);
  fs::create_symlink(name_of(step), fresh, error);
  if (!error) fs::rename(fresh, concat(directory_, '/', kBestName), error);
  if (error)
    throw SystemError(
        concat("cannot lead '", directory_, '/', kBestName, "' to the best checkpoint: ", error.message()));
}

}  // namespace fabric
