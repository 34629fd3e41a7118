#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/int128.hpp"

namespace alphaforge {

// Fixed-point numbers: prices and quantities have nine decimal places, values (price x quantity) eighteen.
inline constexpr int kPlaces = 9;
inline constexpr int kValuePlaces = 18;
inline constexpr std::int64_t kUnit = 1'000'000'000;

// The greatest number of places any function here takes: 10^38 is the last power of ten in 128 bits.
inline constexpr int kPlacesMax = 38;

// `what` names the number in error messages: "price", "quantity".

// A decimal as written by people, Python's Decimal and pandas: an optional sign, digits with at most one point among,
// before or after them, and an optional exponent (`1.5`, `.5`, `5.`, `+1`, `1E-7`). Returns an integer of 10^-places.
// The whole text must match. Throws InvalidArgument: NUMBER_MALFORMED, NUMBER_TOO_PRECISE (a non-zero digit beyond
// `places`), NUMBER_OUT_OF_RANGE (beyond 128 bits).
int128 parse_decimal(std::string_view text, int places = kPlaces, const char* what = "number");

// The same, but digits beyond `places` round half to even: for the shortest decimal of a binary float.
int128 parse_rounded(std::string_view text, int places = kPlaces, const char* what = "number");

// The exact decimal of a double's shortest representation, rounded half to even at nine places.
// Throws InvalidArgument: NUMBER_MALFORMED (NaN, infinity), NUMBER_OUT_OF_RANGE (beyond 128 bits).
int128 decimal_of(double value, const char* what = "number");
// The same for a float32 and its own shortest representation.
int128 decimal_of(float value, const char* what = "number");

// The double nearest to mantissa x 10^-places, half to even.
double to_double(int128 mantissa, int places);

// Digits with at least `min_places` and no trailing zeros beyond them; never "-0".
std::string format_decimal(int128 mantissa, int places, int min_places);

// numerator / denominator, rounded half to even; the denominator is not 0. Throws NUMBER_OUT_OF_RANGE for the one
// quotient that does not fit: -2^127 / -1.
int128 divide_half_even(int128 numerator, int128 denominator);

// mantissa x 10^(to - from): exact if places are added (throws NUMBER_OUT_OF_RANGE), half to even if they are removed.
int128 rescale(int128 mantissa, int from_places, int to_places);

// The quotient a*b/c rounded half to even with a 256-bit intermediate; c is not 0. Throws NUMBER_OUT_OF_RANGE if it
// doesn't fit 128 bits.
int128 multiply_divide_half_even(int128 a, int128 b, int128 c);

}  // namespace alphaforge
