#include "run_files.h"

#include <sys/random.h>
#include <unistd.h>

#include <filesystem>

#include "core/exit_codes.h"
#include "job/job_file.h"
#include "job/job_json.h"
#include "program_copy.h"

namespace fabric::launcher {
namespace {

uint16_t random_suffix() {
  uint16_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = static_cast<uint16_t>(::getpid());
  return value;
}

/// Fills in what is not there: all of it, or where a run goes on a program that was built anew.
Result<RunFiles> fill(const RunRequest& request, const std::string& run_id, const RunDirectory& directory) {
  FABRIC_RETURN_IF_ERROR(write_whole_file(directory.file("job.yaml"), job::to_yaml(request.spec())));
  FABRIC_ASSIGN_OR_RETURN(std::string program,
                          copy_program(request.spec().program, request.build_id, directory.file("program")));
  FABRIC_ASSIGN_OR_RETURN(EventJournal journal, EventJournal::open(directory.file("events.jsonl")));
  return RunFiles{run_id, directory, std::move(program), std::move(journal)};
}

/// Returns ok if the run in `directory` was cut off and can go on: its coordinator's journal is there, its report is not.
Status check_can_go_on(const RunRequest& request, const RunDirectory& directory) {
  std::error_code error;
  const auto has = [&](const char* name) { return std::filesystem::exists(directory.file(name), error); };
  constexpr std::string_view kAdvice = "; choose another --run-id";
  if (has("report.json") || !has("journal")) {
    return already_exists(concat("a run's directory must be new, or that of a run that was cut off, but '",
                                 directory.path, "' ", has("report.json") ? "is of a run that has ended" : "exists",
                                 kAdvice));
  }
  const Result<std::string> job = job::read_job_text(directory.file("job.yaml"));
  if (job.ok() && *job == job::to_yaml(request.spec())) return ok_status();
  return already_exists(concat("a run that was cut off must go on with the same job, but that of '", directory.path,
                               "' differs (see its job.yaml)", kAdvice));
}

/// Makes the run's directory, or finds that of a run that was cut off and can go on; then `is_new` is false.
Result<RunDirectory> make_or_find(const RunRequest& request, const std::string& run_id, bool& is_new) {
  auto directory = make_run_directory(request.runs_directory, run_id);
  is_new = directory.ok();
  if (is_new || directory.error().code() != StatusCode::kAlreadyExists) return directory;
  const RunDirectory existing{concat(request.runs_directory, '/', run_id)};
  FABRIC_RETURN_IF_ERROR(check_can_go_on(request, existing));
  return existing;
}

Refusal refusal_of(const RunRequest& request, const Status& status) {
  if (status.code() == StatusCode::kAlreadyExists) return {exit_code::kUsage, status};
  return refusal_at(
      request.runs_directory_source,
      {status.code(),
       concat("the run's directory must be one that can be made and written, but fabric-run ", status.message(),
              "; make room there, or choose another by output.directory or --run-dir")});
}

}  // namespace

tl::expected<RunFiles, Refusal> make_run_files(const RunRequest& request, const Clock& clock) {
  const std::string run_id =
      request.run_id.empty() ? make_run_id(request.spec().name, clock.wall_ns(), random_suffix()) : request.run_id;
  bool is_new = false;
  const auto directory = make_or_find(request, run_id, is_new);
  if (!directory.ok()) return tl::unexpected(refusal_of(request, directory.status()));
  auto files = fill(request, run_id, *directory);
  if (files.ok()) {
    point_latest_at(request.runs_directory, run_id);
    return std::move(*files);
  }
  std::error_code ignored;
  if (is_new) std::filesystem::remove_all(directory->path, ignored);
  return tl::unexpected(refusal_of(request, files.status()));
}

}  // namespace fabric::launcher
