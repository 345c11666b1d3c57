#pragma once

#include <stdexcept>
#include <string>

#include "fabric/export.h"

namespace fabric {

/// Root of what Fabric throws. c10::Error from LibTorch passes through unchanged.
class FABRIC_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~Error() override;
};

/// The caller can mend it: a wrong argument, a call in the wrong state, a name that does not exist.
class FABRIC_API UsageError : public Error {
 public:
  using Error::Error;
  ~UsageError() override;
};

/// Another rank or node failed or left.
class FABRIC_API PeerError : public Error {
 public:
  using Error::Error;
  ~PeerError() override;
};

/// The driver, the disk or the network failed.
class FABRIC_API SystemError : public Error {
 public:
  using Error::Error;
  ~SystemError() override;
};

/// A fault of Fabric itself; please report it.
class FABRIC_API InternalError : public Error {
 public:
  using Error::Error;
  ~InternalError() override;
};

}  // namespace fabric
