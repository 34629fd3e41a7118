#pragma once

#include <string>
#include <string_view>

namespace alphaforge::wire {

// Digits that an exact decimal sum may have; beyond them two exponents lie too far apart to be one number of anything.
inline constexpr std::size_t kSumDigitsMax = 1000;

// Throws UnsupportedValue VALUE_NOT_NUMERIC unless it is an int or a decimal; InvalidArgument NUMBER_MALFORMED for NaN
// and infinities.
void check_amount(std::string_view amount);

// The exact sum of two encoded values, encoded: of ints an int, with a decimal a decimal of the finer exponent, as
// Python adds them. Throws EngineError VALUE_NOT_NUMERIC when `stored` is no finite number, InvalidArgument
// NUMBER_OUT_OF_RANGE beyond kSumDigitsMax.
std::string add_values(std::string_view stored, std::string_view amount);

}  // namespace alphaforge::wire
