#pragma once

#include <cstdint>
#include <optional>

#include "base/int128.hpp"
#include "execution/order_record.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

// Values of an instrument that is not plain (rule 3.28).
bool contract_value(const InstrumentDefinition& definition, Price price, int128 quantity, Value& value);
std::optional<Price> contract_price(const InstrumentDefinition& definition, int128 value, int128 quantity);

// What the quantity is worth at the price; false if that does not fit 128 bits. `definition` may be null.
inline bool value_at(const InstrumentDefinition* definition, Price price, int128 quantity, Value& value) {
  if (definition == nullptr || definition->is_plain()) [[likely]]
    return multiply(price, {quantity}, value);
  return contract_value(*definition, price, quantity, value);
}

// The absolute value, which commissions and limits use (rule 3.32).
inline Value magnitude(Value value) { return {value.mantissa < 0 ? -value.mantissa : value.mantissa}; }

// The price at which the quantity has that value, rounded half to even at nine places. None for a quantity of 0, or if
// the result is not a valid price. Value and quantity may be negative.
std::optional<Price> average_price(const InstrumentDefinition* definition, int128 value, int128 quantity);

// What a fill adds to the commission of its order (rule 3.29).
struct Charge {
  Value commission;
  Value accrued;
  std::uint8_t rules = 0;
};

// `rate` is the engine's commission rate. False if an amount does not fit 128 bits. `definition` may be null.
bool charge_fill(const InstrumentDefinition* definition, std::int64_t rate, LiquiditySide liquidity_side,
                 const OrderRecord& order, Value value, int128 quantity, Charge& charge);

}  // namespace alphaforge::execution
