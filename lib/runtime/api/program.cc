#include "fabric/program.h"

#include "core/concat.h"
#include "core/exit_codes.h"
#include "fabric/fabric.h"
#include "runtime/api/job_options.h"

namespace fabric {

int run_program(const ProgramTable& program, Environment& environment) {
  if (program.abi_version != FABRIC_PROGRAM_ABI) {
    throw UsageError(concat("the program must be built for program ABI ", FABRIC_PROGRAM_ABI, ", but is for ",
                            program.abi_version, "; build it against the headers of this Fabric"));
  }
  ProgramJob job = read_program_job(environment.job_json(), environment.job_directory());
  if (program.configure != nullptr) program.configure(job.options, job.arguments);
  Fabric fabric(environment, std::move(job.options));
  environment.report_ready();
  try {
    const int code = program.train(fabric, job.arguments);
    fabric.finalize(code == exit_code::kSuccess ? "success" : "failed");
    return code;
  } catch (const Stop&) {
    fabric.finalize("success");
    return exit_code::kRequeue;
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    environment.report_failure(failure);
    try {
      fabric.finalize("failed");
    } catch (const std::exception&) {  // the program's own failure is the one to report
    }
    std::rethrow_exception(failure);
  }
}

}  // namespace fabric
