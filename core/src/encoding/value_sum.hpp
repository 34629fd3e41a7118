#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alphaforge::wire {

// Maximum number of digits of an exact decimal sum; beyond it the exponents are too far apart to be meaningful.
inline constexpr std::size_t kSumDigitsMax = 1000;

// Throws UnsupportedValue VALUE_NOT_NUMERIC unless it is an int or a decimal; InvalidArgument NUMBER_MALFORMED for NaN
// and infinities.
void check_amount(std::string_view amount);

// The exact sum of two encoded values, encoded: of ints an int, with a decimal a decimal of the finer exponent, as
// Python adds them. Throws EngineError VALUE_NOT_NUMERIC when `stored` is not a finite number, InvalidArgument
// NUMBER_OUT_OF_RANGE beyond kSumDigitsMax.
std::string add_values(std::string_view stored, std::string_view amount);

}  // namespace alphaforge::wire
