#include "resumed_run.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/unique_fd.h"

namespace fabric::launcher {
namespace {

namespace fs = std::filesystem;

constexpr const char* kJobFile = "job.yaml";
constexpr const char* kEventsFile = "events.jsonl";
constexpr const char* kJournalFile = "journal";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_run_directory(const fs::path& path) { return is_there(path / kJobFile) && is_there(path / kJournalFile); }

/// What a run's job.yaml begins with, as this program writes it.
bool is_of_job(const fs::path& run, const std::string& job_name) {
  std::ifstream file(run / kJobFile);
  std::string line;
  return std::getline(file, line) && line == concat("name: \"", job_name, '"');
}

struct FoundRun {
  fs::file_time_type active_at;  ///< when its last event was written
  std::string id;
};

std::vector<FoundRun> runs_in(const std::string& runs_directory) {
  std::vector<FoundRun> runs;
  std::error_code error;
  for (fs::directory_iterator entry(runs_directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_symlink(error) || !is_run_directory(entry->path())) continue;
    const auto time = fs::last_write_time(entry->path() / kEventsFile, error);
    if (!error) runs.push_back({time, entry->path().filename().string()});
    error.clear();
  }
  std::sort(runs.begin(), runs.end(), [](const FoundRun& a, const FoundRun& b) { return a.active_at > b.active_at; });
  return runs;
}

std::string names_of(const std::vector<FoundRun>& runs) {
  constexpr size_t kMostShown = 5;
  if (runs.empty()) return "there are none";
  std::string names = "the latest are ";
  for (size_t i = 0; i < std::min(runs.size(), kMostShown); ++i) names += concat(i == 0 ? "" : ", ", runs[i].id);
  return names;
}

/// Gives `name` of the directory the first name that is free: report.json becomes report-1.json.
Status put_aside(const RunDirectory& directory, const std::string& name) {
  if (!is_there(directory.file(name))) return ok_status();
  const fs::path plain(name);
  for (int number = 1;; ++number) {
    const std::string kept = directory.file(concat(plain.stem().string(), '-', number, plain.extension().string()));
    if (is_there(kept)) continue;
    std::error_code error;
    fs::rename(directory.file(name), kept, error);
    return error ? errno_status(error.value(), concat("rename '", directory.file(name), "'")) : ok_status();
  }
}

}  // namespace

Result<std::optional<ResumePath>> resume_path_of(const std::string& what, const std::string& current_directory) {
  const fs::path path = (fs::path(current_directory) / what).lexically_normal();
  const bool names_something = is_there(path);
  const bool is_path = what.find('/') != std::string::npos;
  if (is_path && !names_something) {
    return not_found(
        concat("must be last, a run's name, or the path of a checkpoint or of a run's directory, but nothing is at '",
               path.string(), "'"));
  }
  if (!is_path && (!names_something || what == "last")) return std::optional<ResumePath>();
  std::string text = path.string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return std::optional(ResumePath{std::move(text), is_run_directory(path)});
}

Result<std::string> resumed_run_id(const std::string& what, const std::string& runs_directory,
                                   const std::string& job_name) {
  std::vector<FoundRun> runs = runs_in(runs_directory);
  const bool wants_last = what == "last";
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const FoundRun& run) {
    return wants_last ? is_of_job(fs::path(runs_directory) / run.id, job_name) : run.id == what;
  });
  if (found != runs.end()) return found->id;
  return not_found(concat("must name a run that is there, but '", runs_directory, "' has none ",
                          wants_last ? concat("of job '", job_name, '\'') : concat("called '", what, '\''), "; ",
                          names_of(runs)));
}

Status reopen_run_directory(const RunDirectory& directory) {
  const UniqueFd journal(::open(directory.file(kJournalFile).c_str(), O_RDONLY | O_CLOEXEC));
  if (!journal) return errno_status(errno, concat("open '", directory.file(kJournalFile), "'"));
  if (::flock(journal.get(), LOCK_EX | LOCK_NB) != 0) {
    return failed_precondition(concat("must name a run that has ended, but a fabric-run is still leading '",
                                      directory.path, "'; stop it first"));
  }
  FABRIC_RETURN_IF_ERROR(put_aside(directory, "report.json"));
  return put_aside(directory, kJobFile);
}

}  // namespace fabric::launcher
