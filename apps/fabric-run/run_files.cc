#include "run_files.h"

#include <sys/random.h>
#include <unistd.h>

#include <filesystem>

#include "core/exit_codes.h"
#include "job/job_file.h"
#include "job/job_json.h"
#include "program_copy.h"
#include "resumed_run.h"

namespace fabric::launcher {
namespace {

uint16_t random_suffix() {
  uint16_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = static_cast<uint16_t>(::getpid());
  return value;
}

tl::unexpected<Refusal> refuse_place(const RunRequest& request, const Status& status) {
  return tl::unexpected(
      refusal_at(request.runs_directory_source,
                 {status.code(),
                  concat("the run's directory must be one that can be made and written, but fabric-run ",
                         status.message(), "; make room there, or choose another by output.directory or --run-dir")}));
}

tl::unexpected<Refusal> refuse_program(const RunRequest& request, const Status& status) {
  return tl::unexpected(
      refusal_at(job::source_of(request.job.sources, "program"),
                 {status.code(), concat("the program must be a file that can be read, but fabric-run ",
                                        status.message(), "; check its disk, or build it again")}));
}

/// Fills in what is not there: all of it, or where a run goes on a program that was built anew.
tl::expected<RunFiles, Refusal> fill(const RunRequest& request, const std::string& run_id,
                                     const RunDirectory& directory) {
  const Status written = write_whole_file(directory.file("job.yaml"), job::to_yaml(request.spec()));
  if (!written.ok()) return refuse_place(request, written);
  auto program = copy_program(request.spec().program, request.build_id, directory.file("program"));
  if (!program.has_value()) {
    const CopyFailure& failure = program.error();
    return failure.is_of_program ? refuse_program(request, failure.status) : refuse_place(request, failure.status);
  }
  auto journal = EventJournal::open(directory.file("events.jsonl"));
  if (!journal.ok()) return refuse_place(request, journal.status());
  return RunFiles{run_id, directory, std::move(*program), std::move(*journal)};
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
tl::expected<RunDirectory, Refusal> make_or_find(const RunRequest& request, const std::string& run_id, bool& is_new) {
  const Status place = make_runs_directory(request.runs_directory);
  if (!place.ok()) return refuse_place(request, place);
  auto directory = make_run_directory(request.runs_directory, run_id);
  is_new = directory.ok();
  if (is_new) return std::move(*directory);
  if (directory.error().code() != StatusCode::kAlreadyExists) return refuse_place(request, directory.status());
  RunDirectory existing{concat(request.runs_directory, '/', run_id)};
  const Status can_go_on = request.resumes_run ? reopen_run_directory(existing) : check_can_go_on(request, existing);
  const char* const flag = request.resumes_run ? "--resume" : "--run-id";
  if (!can_go_on.ok()) return tl::unexpected(refusal_at(flag_source(flag), can_go_on));
  return existing;
}

}  // namespace

tl::expected<RunFiles, Refusal> make_run_files(const RunRequest& request, const Clock& clock) {
  const std::string run_id =
      request.run_id.empty() ? make_run_id(request.spec().name, clock.wall_ns(), random_suffix()) : request.run_id;
  bool is_new = false;
  const auto directory = make_or_find(request, run_id, is_new);
  if (!directory.has_value()) return tl::unexpected(directory.error());
  auto files = fill(request, run_id, *directory);
  std::error_code ignored;
  if (files.has_value()) {
    point_latest_at(request.runs_directory, run_id);
  } else if (is_new) {
    std::filesystem::remove_all(directory->path, ignored);
  }
  return files;
}

}  // namespace fabric::launcher
