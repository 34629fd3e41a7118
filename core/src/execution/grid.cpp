#include "execution/grid.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

namespace {

enum class Towards : std::uint8_t { kDown, kUp };

Towards down_if(bool is_down) { return is_down ? Towards::kDown : Towards::kUp; }

bool is_off(int128 number, int128 step) { return step != 0 && number % step != 0; }

// The next multiple of the tick size; the price itself if that multiple is below `least` or not a valid price.
Price rounded(Price price, Price tick, Towards towards, std::int64_t least) {
  if (!is_off(price.mantissa, tick.mantissa)) return price;
  const int128 rest = price.mantissa % tick.mantissa;
  const int128 below = price.mantissa - (rest < 0 ? rest + tick.mantissa : rest);
  const int128 next = towards == Towards::kDown ? below : below + tick.mantissa;
  if (next < least || next > std::numeric_limits<std::int64_t>::max()) return price;
  return {static_cast<std::int64_t>(next)};
}

Price rounded(const InstrumentDefinition& definition, Price price, Towards towards) {
  return rounded(price, definition.tick_size, towards, definition.least_price().mantissa);
}

Quantity rounded(Quantity quantity, Quantity lot) {
  if (!is_off(quantity.mantissa, lot.mantissa)) return quantity;
  const int128 below = quantity.mantissa - quantity.mantissa % lot.mantissa;
  return below == 0 ? quantity : Quantity{below};
}

// Calls visit(price, towards, least) for each price of an order, with the direction of rounding and the lowest price.
template <class AnyOrder, class Visit>
void each_price(AnyOrder& order, Price least, Visit visit) {
  const bool buys = order.side == OrderSide::kBuy;
  if (order.price) visit(*order.price, down_if(buys), least.mantissa);
  if (order.stop_price) visit(*order.stop_price, down_if(!buys), least.mantissa);
  if (order.activation_price) visit(*order.activation_price, down_if(buys), least.mantissa);
  if (order.trailing_offset_type != TrailingOffsetType::kPrice) return;
  if (order.trailing_offset) visit(*order.trailing_offset, Towards::kUp, 1);
  if (order.limit_offset) visit(*order.limit_offset, Towards::kDown, 0);
}

// The price of a number of ticks; none if it is out of range.
std::optional<Price> price_of_ticks(Price tick, Price count) {
  const int128 price = int128{tick.mantissa} * (count.mantissa / kUnit);
  if (price > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return Price{static_cast<std::int64_t>(price)};
}

// The order with offsets by price instead of ticks; none without a tick size, or if an offset is out of range.
std::optional<Order> in_prices(Price tick, const Order& order) {
  if (tick.mantissa == 0 || !order.trailing_offset) return std::nullopt;
  const auto offset = price_of_ticks(tick, *order.trailing_offset);
  const auto limit_offset = price_of_ticks(tick, order.limit_offset.value_or(Price{}));
  if (!offset || !limit_offset) return std::nullopt;
  std::optional<Order> priced = order;
  priced->trailing_offset_type = TrailingOffsetType::kPrice;
  priced->trailing_offset = offset;
  if (order.limit_offset) priced->limit_offset = limit_offset;
  return priced;
}

}  // namespace

RejectReason grid_refusal(const InstrumentDefinition& definition, const Order& order) {
  if (is_off(order.quantity.mantissa, definition.lot_size.mantissa)) return RejectReason::kQuantityOffGrid;
  bool is_on = true;
  each_price(order, definition.least_price(), [&](const Price& price, Towards, std::int64_t) {
    is_on = is_on && !is_off(price.mantissa, definition.tick_size.mantissa);
  });
  return is_on ? RejectReason::kNone : RejectReason::kPriceOffGrid;
}

std::optional<Order> fit_to_grid(const InstrumentDefinition& definition, const Order& order) {
  std::optional<Order> fitted;
  if (order.trailing_offset_type == TrailingOffsetType::kTicks) fitted = in_prices(definition.tick_size, order);
  if (definition.off_grid != OffGrid::kRound ||
      grid_refusal(definition, fitted ? *fitted : order) == RejectReason::kNone)
    return fitted;
  if (!fitted) fitted = order;
  fitted->quantity = rounded(order.quantity, definition.lot_size);
  each_price(*fitted, definition.least_price(), [&](Price& price, Towards towards, std::int64_t least) {
    price = rounded(price, definition.tick_size, towards, least);
  });
  return fitted;
}

std::optional<OrderGroup> fit_to_grid(const InstrumentDefinition& definition, const OrderGroup& group) {
  std::optional<OrderGroup> fitted;
  for (std::size_t i = 0; i != group.orders.size(); ++i) {
    auto order = fit_to_grid(definition, group.orders[i]);
    if (!order) continue;
    if (!fitted) fitted = group;
    fitted->orders[i] = *std::move(order);
  }
  return fitted;
}

std::optional<Change> fit_to_grid(const InstrumentDefinition& definition, OrderSide side, const Change& change) {
  const bool buys = side == OrderSide::kBuy;
  Change fitted = change;
  if (definition.off_grid == OffGrid::kRound) {
    if (fitted.quantity) *fitted.quantity = rounded(*fitted.quantity, definition.lot_size);
    if (fitted.price) *fitted.price = rounded(definition, *fitted.price, down_if(buys));
    if (fitted.stop_price) *fitted.stop_price = rounded(definition, *fitted.stop_price, down_if(!buys));
  }
  const auto is_price_off = [&](const std::optional<Price>& price) {
    return price && is_off(price->mantissa, definition.tick_size.mantissa);
  };
  const bool is_quantity_off = fitted.quantity && is_off(fitted.quantity->mantissa, definition.lot_size.mantissa);
  if (is_quantity_off || is_price_off(fitted.price) || is_price_off(fitted.stop_price)) return std::nullopt;
  return fitted;
}

Price limit_on_grid(const InstrumentDefinition& definition, OrderSide side, Price limit) {
  return rounded(definition, limit, down_if(side == OrderSide::kBuy));
}

Price slipped_on_grid(const InstrumentDefinition& definition, OrderSide side, Price price) {
  return rounded(definition, price, down_if(side == OrderSide::kSell));
}

}  // namespace alphaforge::execution
