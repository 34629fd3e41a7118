#include "model/numbers.hpp"

#include <cstdint>
#include <limits>
#include <string>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"

namespace alphaforge {

std::string to_string(Price price) { return format_decimal(price.mantissa, kPlaces, 2); }

std::string to_string(Quantity quantity) { return format_decimal(quantity.mantissa, kPlaces, 0); }

std::string to_string(Value value) { return format_decimal(value.mantissa, kValuePlaces, 0); }

std::string untradable(Price price, bool negative_prices) {
  if (negative_prices) return " must be -9223372036.854775807 or above, not " + to_string(price);
  return " must be above 0, not " + to_string(price) + ", unless its instrument has negative_prices (rule 3.32)";
}

Price price_of(int128 mantissa, const char* what) {
  if (mantissa < std::numeric_limits<std::int64_t>::min() || mantissa > std::numeric_limits<std::int64_t>::max()) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE,
                          std::string(what) + " " + format_decimal(mantissa, kPlaces, 0) +
                              " is out of range; expected -9223372036.854775807 to 9223372036.854775807");
  }
  return {static_cast<std::int64_t>(mantissa)};
}

Quantity quantity_of(int128 mantissa, const char* what) {
  if (mantissa < 0) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, std::string(what) + " " + format_decimal(mantissa, kPlaces, 0) +
                                                           " is negative; expected 0 or more");
  }
  return {mantissa};
}

}  // namespace alphaforge
