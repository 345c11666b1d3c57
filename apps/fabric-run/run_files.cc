#include "run_files.h"

#include <sys/random.h>
#include <unistd.h>

#include <filesystem>

#include "core/exit_codes.h"
#include "job/job_json.h"
#include "program_copy.h"

namespace fabric::launcher {
namespace {

uint16_t random_suffix() {
  uint16_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = static_cast<uint16_t>(::getpid());
  return value;
}

Result<RunFiles> fill(const RunRequest& request, const std::string& run_id, const RunDirectory& directory) {
  FABRIC_RETURN_IF_ERROR(write_whole_file(directory.file("job.yaml"), job::to_yaml(request.spec())));
  FABRIC_ASSIGN_OR_RETURN(std::string program,
                          copy_program(request.spec().program, request.build_id, directory.file("program")));
  FABRIC_ASSIGN_OR_RETURN(EventJournal journal, EventJournal::open(directory.file("events.jsonl")));
  return RunFiles{run_id, directory, std::move(program), std::move(journal)};
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
  const auto directory = make_run_directory(request.runs_directory, run_id);
  if (!directory.ok()) return tl::unexpected(refusal_of(request, directory.status()));
  auto files = fill(request, run_id, *directory);
  if (files.ok()) {
    point_latest_at(request.runs_directory, run_id);
    return std::move(*files);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory->path, ignored);
  return tl::unexpected(refusal_of(request, files.status()));
}

}  // namespace fabric::launcher
