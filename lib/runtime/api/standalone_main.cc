#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "core/exit_codes.h"
#include "fabric/error.h"
#include "fabric/program.h"
#include "runtime/environments/standalone_environment.h"

namespace fabric {
namespace {

/// Writes `error` and what it was caused by, outermost first.
void report(const std::exception& error, const char* prefix) {
  std::cerr << prefix << error.what() << '\n';
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    report(cause, "  because: ");
  } catch (...) {
  }
}

}  // namespace

int run_standalone(const ProgramTable& program, int argc, const char* const* argv) {
  try {
    const std::string name = argc > 0 ? argv[0] : "program";
    StandaloneEnvironment environment(
        parse_standalone_job(name, std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc)));
    return run_program(program, environment);
  } catch (const std::exception& error) {
    report(error, "error: ");
    return exit_code::kFailure;
  }
}

}  // namespace fabric
