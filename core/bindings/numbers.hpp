#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/int128.hpp"
#include "bindings/bindings.hpp"
#include "model/numbers.hpp"

namespace alphaforge::bindings {

// Python's numbers and texts as the core's, and back. `what` names the argument in error messages.
//
// Every function throws alphaforge::UnsupportedValue (a TypeError) for an unsupported type, including bool, and
// alphaforge::InvalidArgument (a ValueError) for an invalid value.

// int, str, Decimal, float or a NumPy scalar as an integer of 1e-9. A float means its shortest decimal, rounded half to
// even; a str or Decimal beyond nine places is refused.
int128 to_mantissa(nb::handle value, const char* what);

// What `to_mantissa` takes, or a Price; the same with Quantity, which is not negative.
Price to_price(nb::handle value, const char* what = "price");
Quantity to_quantity(nb::handle value, const char* what = "quantity");

// An int (or what has `__index__`) of 64 bits. Beyond them: TIME_OUT_OF_RANGE for a time, NUMBER_OUT_OF_RANGE for a
// count.
std::int64_t to_nanos(nb::handle value, const char* what);
std::int64_t to_count(nb::handle value, const char* what);

// The UTF-8 of a str; valid as long as the str lives.
std::string_view to_text(nb::handle value, const char* what);

// mantissa x 10^-places as a decimal.Decimal, with the places that are needed.
nb::object to_decimal(int128 mantissa, int places);

// The same for nine places; None without a price.
nb::object to_decimal(const std::optional<Price>& price);

// A decimal.Decimal (or int, str) as an integer of 10^-places; for values, `places` is kValuePlaces.
int128 from_decimal(nb::handle value, int places, const char* what);

// An argument that the functions above convert: they also say what is wrong with None.
inline auto any(const char* name) { return nb::arg(name).none(); }

// Whether a value is a number for comparisons and sums: int, float, Decimal or a NumPy number, but not bool or str.
bool is_number(nb::handle value);

// A number as a decimal.Decimal, without rounding: a float as its shortest decimal; also NaN and infinity.
nb::object exact_decimal(nb::handle value);

// A decimal.Decimal of a text that is one.
nb::object as_decimal(std::string_view text);

// A str of what C++ formatted.
nb::str to_str(std::string_view text);

}  // namespace alphaforge::bindings
