#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "base/int128.hpp"

namespace alphaforge {

// A price: an exact decimal with nine places in 64 bits, about +-9.22e9.
struct Price {
  std::int64_t mantissa = 0;
  auto operator<=>(const Price&) const = default;
};

// Means "no price" where 0 may be a price.
inline constexpr Price kNoPrice{std::numeric_limits<std::int64_t>::min()};

// Whether trades and orders may have the price: above 0, or any where the instrument has `negative_prices`.
inline bool is_tradable(Price price, bool negative_prices) {
  return price.mantissa > 0 || (negative_prices && price != kNoPrice);
}
// What is wrong with a price that is not tradable, after its name.
std::string untradable(Price price, bool negative_prices);

// A quantity, or a sum of quantities: nine places in 128 bits, never negative if it comes from outside.
struct Quantity {
  int128 mantissa = 0;
  auto operator<=>(const Quantity&) const = default;
};

// Price x quantity, exact at eighteen places.
struct Value {
  int128 mantissa = 0;
  auto operator<=>(const Value&) const = default;
};

// False if the product does not fit 128 bits.
inline bool multiply(Price price, Quantity quantity, Value& value) {
  return checked_multiply(price.mantissa, quantity.mantissa, value.mantissa);
}

// "45000.00": as many places as needed, at least two.
std::string to_string(Price price);
// "0.5", "2": only as many places as needed.
std::string to_string(Quantity quantity);
std::string to_string(Value value);

// Narrow a nine-place mantissa; throw InvalidArgument NUMBER_OUT_OF_RANGE that names `what` (a negative quantity too).
Price price_of(int128 mantissa, const char* what = "price");
Quantity quantity_of(int128 mantissa, const char* what = "quantity");

}  // namespace alphaforge
