#include "execution/positions.hpp"

#include <algorithm>
#include <optional>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

namespace {

int128 magnitude(int128 number) { return number < 0 ? -number : number; }

[[nodiscard]] bool add(int128& sum, int128 term) { return !__builtin_add_overflow(sum, term, &sum); }

}  // namespace

std::optional<PositionRecord> after_fill(const PositionRecord& position, OrderSide side, Price price, Quantity quantity,
                                         Value commission) {
  PositionRecord after = position;
  const bool buy = side == OrderSide::kBuy;
  const bool was_long = position.net_quantity > 0;
  const int128 held = magnitude(position.net_quantity);
  const int128 closing = position.net_quantity == 0 || was_long == buy ? 0 : std::min(held, quantity.mantissa);
  if (closing > 0) {
    const int128 cost = multiply_divide_half_even(position.cost.mantissa, closing, held);
    Value proceeds;
    int128 gain = 0;
    if (!multiply(price, {closing}, proceeds)) return std::nullopt;
    if (__builtin_sub_overflow(was_long ? proceeds.mantissa : cost, was_long ? cost : proceeds.mantissa, &gain))
      return std::nullopt;
    if (!add(after.realized_pnl.mantissa, gain)) return std::nullopt;
    after.cost.mantissa -= cost;
  }
  Value opened;
  if (!multiply(price, {quantity.mantissa - closing}, opened)) return std::nullopt;
  if (!add(after.cost.mantissa, opened.mantissa)) return std::nullopt;
  if (!add(after.net_quantity, buy ? quantity.mantissa : -quantity.mantissa)) return std::nullopt;
  if (!add(after.commission.mantissa, commission.mantissa)) return std::nullopt;
  return after;
}

std::optional<Value> unrealized_pnl(const PositionRecord& position, Price price) {
  Value worth;
  if (!multiply(price, {magnitude(position.net_quantity)}, worth)) return std::nullopt;
  int128 gain = 0;
  const bool is_long = position.net_quantity > 0;
  if (__builtin_sub_overflow(is_long ? worth.mantissa : position.cost.mantissa,
                             is_long ? position.cost.mantissa : worth.mantissa, &gain))
    return std::nullopt;
  return Value{gain};
}

}  // namespace alphaforge::execution
