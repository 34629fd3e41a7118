#include "execution/positions.hpp"

#include <algorithm>
#include <optional>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "execution/money.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

namespace {

int128 magnitude(int128 number) { return number < 0 ? -number : number; }

// The gain of a position that cost `cost` and is worth `worth`: the rise in worth for a long one, the fall for a short
// one. The reverse for an inverse instrument, whose contracts are worth less at a higher price.
[[nodiscard]] bool gain_of(const InstrumentDefinition* definition, bool is_long, int128 cost, int128 worth,
                           int128& gain) {
  const bool rises = is_long != (definition != nullptr && definition->is_inverse);
  return checked_subtract(rises ? worth : cost, rises ? cost : worth, gain);
}

}  // namespace

std::optional<PositionRecord> after_fill(const PositionRecord& position, const InstrumentDefinition* definition,
                                         OrderSide side, Price price, Quantity quantity, Value commission) {
  PositionRecord after = position;
  const bool buy = side == OrderSide::kBuy;
  const bool was_long = position.net_quantity > 0;
  const int128 held = magnitude(position.net_quantity);
  const int128 closing = position.net_quantity == 0 || was_long == buy ? 0 : std::min(held, quantity.mantissa);
  if (closing > 0) {
    const int128 cost = multiply_divide_half_even(position.cost.mantissa, closing, held);
    Value proceeds;
    int128 gain = 0;
    if (!value_at(definition, price, closing, proceeds)) return std::nullopt;
    if (!gain_of(definition, was_long, cost, proceeds.mantissa, gain)) return std::nullopt;
    if (!checked_add(after.realized_pnl.mantissa, gain, after.realized_pnl.mantissa)) return std::nullopt;
    after.cost.mantissa -= cost;
  }
  Value opened;
  if (!value_at(definition, price, quantity.mantissa - closing, opened)) return std::nullopt;
  if (!checked_add(after.cost.mantissa, opened.mantissa, after.cost.mantissa)) return std::nullopt;
  if (!checked_add(after.net_quantity, buy ? quantity.mantissa : -quantity.mantissa, after.net_quantity))
    return std::nullopt;
  if (!checked_add(after.commission.mantissa, commission.mantissa, after.commission.mantissa)) return std::nullopt;
  return after;
}

std::optional<Value> exposure(const PositionRecord& position, const InstrumentDefinition* definition, Price price) {
  Value worth;
  if (!value_at(definition, price, magnitude(position.net_quantity), worth)) return std::nullopt;
  return position.net_quantity < 0 ? Value{-worth.mantissa} : worth;
}

std::optional<Value> unrealized_pnl(const PositionRecord& position, const InstrumentDefinition* definition,
                                    Price price) {
  Value worth, gain;
  if (!value_at(definition, price, magnitude(position.net_quantity), worth)) return std::nullopt;
  if (!gain_of(definition, position.net_quantity > 0, position.cost.mantissa, worth.mantissa, gain.mantissa))
    return std::nullopt;
  return gain;
}

}  // namespace alphaforge::execution
