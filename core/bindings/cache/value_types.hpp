#pragma once

#include "bindings/bindings.hpp"

namespace alphaforge::bindings {

// Python's types of values that are not built-in, looked up with the first such value. They live as long as the
// process.
struct ValueTypes {
  nb::object decimal;
  nb::object timezone, utc, zoneinfo, timedelta, datetime, date;
  nb::handle price, quantity;

  ValueTypes();
};

const ValueTypes& value_types();

// NumPy's types. NumPy is imported with the first such value.
struct NumpyTypes {
  nb::object array, generic, dtype, frombuffer, empty;

  NumpyTypes();
};

// Raises ImportError where NumPy is not installed.
const NumpyTypes& numpy_types();
bool is_numpy_imported();

}  // namespace alphaforge::bindings
