#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "core/concat.h"

namespace fabric {

/// Kinds of outcome; names and numbers are gRPC's, so that a status crosses the wire unchanged.
enum class StatusCode : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// Returns gRPC's name of `code` in upper case, "UNAVAILABLE" for example.
std::string_view name_of(StatusCode code);

/// Outcome of an operation that returns nothing else: a code, and a message unless the code is kOk.
///
/// A message says what must hold, what is, and what to do; lower case, no final period.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  /// Returns "CODE: message", or "OK".
  std::string to_string() const;

  /// Returns the same status with `context` and ": " before its message; an ok status stays as it is.
  Status with_context(std::string_view context) const;

  bool operator==(const Status& other) const = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status ok_status() { return {}; }
Status cancelled(std::string message);
Status unknown(std::string message);
Status invalid_argument(std::string message);
Status deadline_exceeded(std::string message);
Status not_found(std::string message);
Status already_exists(std::string message);
Status permission_denied(std::string message);
Status resource_exhausted(std::string message);
Status failed_precondition(std::string message);
Status aborted(std::string message);
Status out_of_range(std::string message);
Status unimplemented(std::string message);
Status internal(std::string message);
Status unavailable(std::string message);
Status data_loss(std::string message);

/// Returns the status for `error_number` (an errno value) of the attempted `action`: "cannot <action>: <strerror>".
Status errno_status(int error_number, std::string_view action);

/// A value, or the status that says why there is none.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Status> {
  using Base = tl::expected<T, Status>;

 public:
  using Base::Base;
  Result(Status status) : Base(tl::unexpect, std::move(status)) {}  // NOLINT: implicit, so that `return status;` works

  bool ok() const { return this->has_value(); }
  /// Returns the status; ok where there is a value.
  Status status() const { return this->has_value() ? Status() : this->error(); }
};

}  // namespace fabric

#define FABRIC_STATUS_JOIN_(a, b) a##b
#define FABRIC_STATUS_JOIN(a, b) FABRIC_STATUS_JOIN_(a, b)

/// Returns from the enclosing function with the status of `expression` unless it is ok.
#define FABRIC_RETURN_IF_ERROR(expression)                                                 \
  do {                                                                                     \
    if (::fabric::Status status_ = (expression); !status_.ok()) return status_; /*NOLINT*/ \
  } while (false)

/// Assigns the value of the result `expression` to `target`, or returns from the enclosing function with its status.
#define FABRIC_ASSIGN_OR_RETURN(target, expression) \
  FABRIC_ASSIGN_OR_RETURN_(FABRIC_STATUS_JOIN(result_, __LINE__), target, expression)
#define FABRIC_ASSIGN_OR_RETURN_(result, target, expression) \
  auto result = (expression);                                \
  if (!result.has_value()) return result.error();            \
  target = std::move(*result)
