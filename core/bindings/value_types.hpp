#pragma once

#include "bindings.hpp"

namespace alphaforge::bindings {

// Python's types of values that are no built-ins, looked up when the first such value comes. They live as long as the
// process.
struct ValueTypes {
  nb::object decimal;
  nb::object timezone, utc, zoneinfo, timedelta, datetime, date;
  nb::object numpy_array, numpy_generic, numpy_dtype, numpy_frombuffer, numpy_empty;
  nb::handle price, quantity;

  ValueTypes();
};

const ValueTypes& value_types();

}  // namespace alphaforge::bindings
