#pragma once

#include <stdexcept>
#include <string>

#include "base/reason.hpp"

namespace alphaforge {

// An error of the caller: a ValueError in Python, INVALID_ARGUMENT on the wire. The message says what was wrong, what
// was expected and what to do.
class InvalidArgument : public std::invalid_argument {
 public:
  InvalidArgument(Reason reason, const std::string& message) : std::invalid_argument(message), reason_(reason) {}
  Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

// A value of an unsupported type: a TypeError in Python.
class UnsupportedValue : public std::logic_error {
 public:
  UnsupportedValue(Reason reason, const std::string& message) : std::logic_error(message), reason_(reason) {}
  Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

// A valid request that the engine can't serve in its current state: a RuntimeError in Python.
class EngineError : public std::runtime_error {
 public:
  EngineError(Reason reason, const std::string& message) : std::runtime_error(message), reason_(reason) {}
  Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

// A documented limit was reached: a RuntimeError in Python too (ResourceExhausted).
class ResourceExhausted : public EngineError {
 public:
  using EngineError::EngineError;
};

}  // namespace alphaforge
