#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace fabric::job {

/// What a text that makes up a job is.
enum class SourceKind { kFile, kFlag, kEnvironment };

/// A place in one of the texts that make up a job; line and column count from 1.
struct SourceMark {
  int source = 0;  ///< what Diagnostics::add_source() returned
  int line = 1;
  int column = 1;
};

/// One of the texts that make up a job.
struct SourceText {
  std::string name;  ///< "job.yaml", "--set args.epochs"
  SourceKind kind = SourceKind::kFile;
  std::string directory{};  ///< absolute; what relative paths in it are relative to
};

/// Collects what is wrong with a job, so that one run shows all of it.
class Diagnostics {
 public:
  /// Adds a text and returns its number for SourceMark.
  int add_source(SourceText source);
  const SourceText& source(const SourceMark& mark) const { return sources_[static_cast<size_t>(mark.source)]; }
  /// Returns "source:line:column".
  std::string place(const SourceMark& mark) const;
  /// Returns `mark`, or that of `other` where only this one is a flag's: of two values that do not go together it is the flag
  /// that is wrong, as what it was laid over is fit to be run.
  SourceMark blamed(const SourceMark& mark, const SourceMark& other) const;
  /// Notes an error; `message` says what must hold, what is, and what to do. It becomes one line: control characters in it, which
  /// values can have, are written as escapes.
  void error(const SourceMark& mark, const std::string& message);
  /// Notes what was taken for something else than it says; the job is fit to be run.
  void warning(const SourceMark& mark, const std::string& message);
  /// Returns a line "source:line:column: message" for each warning.
  const std::vector<std::string>& warnings() const { return warnings_; }

  bool ok() const { return errors_.empty(); }
  /// Returns whether there are errors, and all of them are the command line's.
  bool is_usage_error() const;
  /// Returns ok, or kInvalidArgument with one line "source:line:column: message" for each error, in the order of the
  /// texts; of more than 20 errors the first 20.
  Status status() const;

 private:
  struct Error {
    SourceMark mark;
    std::string message;
  };
  std::vector<SourceText> sources_;
  std::vector<Error> errors_;
  std::vector<std::string> warnings_;
};

}  // namespace fabric::job
