#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace fabric::job {

/// A place in one of the texts that make up a job; line and column count from 1.
struct SourceMark {
  int source = 0;  ///< what Diagnostics::add_source() returned
  int line = 1;
  int column = 1;
};

/// Collects what is wrong with a job, so that one run shows all of it.
class Diagnostics {
 public:
  /// Names a text ("job.yaml", "--set args.epochs") and returns its number for SourceMark.
  int add_source(std::string name);
  /// Notes an error; `message` says what must hold, what is, and what to do.
  void error(const SourceMark& mark, std::string message);

  bool ok() const { return errors_.empty(); }
  /// Returns ok, or kInvalidArgument with one line "source:line:column: message" for each error, in the order of the
  /// texts; of more than 20 errors the first 20.
  Status status() const;

 private:
  struct Error {
    SourceMark mark;
    std::string message;
  };
  std::vector<std::string> sources_;
  std::vector<Error> errors_;
};

}  // namespace fabric::job
