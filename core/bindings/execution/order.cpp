#include "model/order.hpp"

#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/decimal.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "bindings/wall_clock.hpp"
#include "model/commission.hpp"
#include "model/numbers.hpp"
#include "model/order_group.hpp"
#include "model/order_id.hpp"
#include "wire/orders.hpp"

// Order, Fill and their enumerations.

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

void bind_enums(nb::module_ m) {
  nb::enum_<OrderSide>(m, "OrderSide", "The side of an order.")
      .value("Buy", OrderSide::kBuy, "Buys.")
      .value("Sell", OrderSide::kSell, "Sells.");
  add_alias(nb::type<OrderSide>(), "BUY", "Buy");
  add_alias(nb::type<OrderSide>(), "SELL", "Sell");
  nb::enum_<OrderType>(m, "OrderType", "The type of an order.")
      .value("Market", OrderType::kMarket, "At the market price.")
      .value("Limit", OrderType::kLimit, "At its price or better.")
      .value("Stop", OrderType::kStop, "Becomes a market order when the last price reaches its stop price.")
      .value("StopLimit", OrderType::kStopLimit, "Becomes a limit order when the last price reaches its stop price.")
      .value("TrailingStop", OrderType::kTrailingStop, "A stop that follows the last price in the order's favour.")
      .value("TrailingStopLimit", OrderType::kTrailingStopLimit,
             "A trailing stop that becomes a limit order when it triggers.");
  nb::enum_<TrailingOffsetType>(m, "TrailingOffsetType", "The unit of a trailing stop's offset.")
      .value("Price", TrailingOffsetType::kPrice, "A difference of prices.")
      .value("BasisPoints", TrailingOffsetType::kBasisPoints, "Hundredths of a percent of the extreme.")
      .value("Ticks", TrailingOffsetType::kTicks, "Tick sizes of the registered instrument.");
  nb::enum_<OrderStatus>(m, "OrderStatus", "The status of an order; the last three are final.")
      .value("Initialized", OrderStatus::kInitialized,
             "Created, not submitted; or a child that sleeps until its parent fills.")
      .value("Submitted", OrderStatus::kSubmitted, "Accepted, not filled; it rests or waits.")
      .value("PartiallyFilled", OrderStatus::kPartiallyFilled, "Filled in part, still active.")
      .value("Filled", OrderStatus::kFilled, "Filled in full.")
      .value("Cancelled", OrderStatus::kCancelled, "Ended with an unfilled remainder.")
      .value("Rejected", OrderStatus::kRejected, "Refused by a rule when it was submitted.");
  nb::enum_<TimeInForce>(m, "TimeInForce", "The time in force of an order.")
      .value("Day", TimeInForce::kDay, "Until the first 00:00 UTC after its symbol's market time at submission.")
      .value("GoodTillCancel", TimeInForce::kGoodTillCancel, "Until it is cancelled.")
      .value("ImmediateOrCancel", TimeInForce::kImmediateOrCancel,
             "Fills what it can on arrival; the rest is cancelled.")
      .value("FillOrKill", TimeInForce::kFillOrKill, "Fills in full on arrival, or is cancelled without a fill.")
      .value("GoodTillDate", TimeInForce::kGoodTillDate, "Until its symbol's market time reaches `expire_time_ns`.");
  add_alias(nb::type<TimeInForce>(), "DAY", "Day");
  add_alias(nb::type<TimeInForce>(), "GTC", "GoodTillCancel");
  add_alias(nb::type<TimeInForce>(), "IOC", "ImmediateOrCancel");
  add_alias(nb::type<TimeInForce>(), "FOK", "FillOrKill");
  add_alias(nb::type<TimeInForce>(), "GTD", "GoodTillDate");
  nb::enum_<LiquiditySide>(m, "LiquiditySide", "Whether a fill added or removed liquidity.")
      .value("Maker", LiquiditySide::kMaker, "Maker: the order was resting.")
      .value("Taker", LiquiditySide::kTaker, "Taker: the order took liquidity on arrival.");
}

}  // namespace

// Missing ids and times are created here, since the engine reads no clock.
Order make_order(OrderType type, nb::handle symbol, OrderSide side, nb::handle quantity, TimeInForce time_in_force,
                 nb::handle strategy_id, bool reduce_only, nb::handle expire_time_ns, nb::handle order_id,
                 nb::handle created_at) {
  Order order;
  order.type = type;
  order.symbol = to_text(symbol, "symbol");
  order.side = side;
  order.quantity = to_quantity(quantity);
  order.time_in_force = time_in_force;
  order.strategy_id = to_text(strategy_id, "strategy_id");
  order.reduce_only = reduce_only;
  if (!expire_time_ns.is_none()) order.expire_time = to_nanos(expire_time_ns, "expire_time_ns");
  order.created_at = created_at.is_none() ? wall_now() : to_nanos(created_at, "created_at");
  order.order_id = order_id.is_none() ? make_order_id(order.created_at) : std::string(to_text(order_id, "order_id"));
  return order;
}

namespace {

Order checked(Order&& order, bool negative_prices = false) {
  check_order(order, negative_prices);
  return std::move(order);
}

Order market(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle strategy_id, TimeInForce time_in_force,
             bool reduce_only, nb::handle expire_time_ns, nb::handle order_id, nb::handle created_at) {
  return checked(make_order(OrderType::kMarket, symbol, side, quantity, time_in_force, strategy_id, reduce_only,
                            expire_time_ns, order_id, created_at));
}

Order limit(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle price, TimeInForce time_in_force,
            nb::handle strategy_id, bool post_only, bool reduce_only, bool negative_prices, nb::handle expire_time_ns,
            nb::handle order_id, nb::handle created_at) {
  Order order = make_order(OrderType::kLimit, symbol, side, quantity, time_in_force, strategy_id, reduce_only,
                           expire_time_ns, order_id, created_at);
  order.price = to_price(price);
  order.post_only = post_only;
  return checked(std::move(order), negative_prices);
}

Order stop(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle stop_price, TimeInForce time_in_force,
           nb::handle strategy_id, bool reduce_only, bool negative_prices, nb::handle expire_time_ns,
           nb::handle order_id, nb::handle created_at) {
  Order order = make_order(OrderType::kStop, symbol, side, quantity, time_in_force, strategy_id, reduce_only,
                           expire_time_ns, order_id, created_at);
  order.stop_price = to_price(stop_price, "stop_price");
  return checked(std::move(order), negative_prices);
}

Order stop_limit(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle stop_price, nb::handle limit_price,
                 TimeInForce time_in_force, nb::handle strategy_id, bool post_only, bool reduce_only,
                 bool negative_prices, nb::handle expire_time_ns, nb::handle order_id, nb::handle created_at) {
  Order order = make_order(OrderType::kStopLimit, symbol, side, quantity, time_in_force, strategy_id, reduce_only,
                           expire_time_ns, order_id, created_at);
  order.stop_price = to_price(stop_price, "stop_price");
  order.price = to_price(limit_price, "limit_price");
  order.post_only = post_only;
  return checked(std::move(order), negative_prices);
}

Order trailing(OrderType type, nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle trailing_offset,
               TrailingOffsetType trailing_offset_type, nb::handle activation_price, TimeInForce time_in_force,
               nb::handle strategy_id, bool reduce_only, nb::handle expire_time_ns, nb::handle order_id,
               nb::handle created_at) {
  Order order = make_order(type, symbol, side, quantity, time_in_force, strategy_id, reduce_only, expire_time_ns,
                           order_id, created_at);
  order.trailing_offset = to_price(trailing_offset, "trailing_offset");
  order.trailing_offset_type = trailing_offset_type;
  if (!activation_price.is_none()) order.activation_price = to_price(activation_price, "activation_price");
  return order;
}

Order trailing_stop(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle trailing_offset,
                    TimeInForce time_in_force, nb::handle strategy_id, TrailingOffsetType trailing_offset_type,
                    nb::handle activation_price, bool reduce_only, bool negative_prices, nb::handle expire_time_ns,
                    nb::handle order_id, nb::handle created_at) {
  return checked(
      trailing(OrderType::kTrailingStop, symbol, side, quantity, trailing_offset, trailing_offset_type,
               activation_price, time_in_force, strategy_id, reduce_only, expire_time_ns, order_id, created_at),
      negative_prices);
}

Order trailing_stop_limit(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle trailing_offset,
                          nb::handle limit_offset, TimeInForce time_in_force, nb::handle strategy_id,
                          TrailingOffsetType trailing_offset_type, nb::handle activation_price, bool post_only,
                          bool reduce_only, bool negative_prices, nb::handle expire_time_ns, nb::handle order_id,
                          nb::handle created_at) {
  Order order =
      trailing(OrderType::kTrailingStopLimit, symbol, side, quantity, trailing_offset, trailing_offset_type,
               activation_price, time_in_force, strategy_id, reduce_only, expire_time_ns, order_id, created_at);
  order.limit_offset = to_price(limit_offset, "limit_offset");
  order.post_only = post_only;
  return checked(std::move(order), negative_prices);
}

double real(Quantity quantity) { return to_double(quantity.mantissa, kPlaces); }
double real(Value value) { return to_double(value.mantissa, kValuePlaces); }
std::optional<double> real(std::optional<Price> price) {
  return price ? std::optional(to_double(price->mantissa, kPlaces)) : std::nullopt;
}

// "HALTED", or None.
nb::object name_or_none(std::string_view name) { return name.empty() ? nb::none() : nb::object(to_str(name)); }

std::string repr_order(const Order& order) {
  std::string text = "<Order " + order.order_id + ": " + std::string(name_of(order.type)) + " " +
                     std::string(name_of(order.side)) + " " + to_string(order.quantity) + " " + order.symbol;
  if (order.trailing_offset)
    text += " by " + to_string(*order.trailing_offset) +
            (order.trailing_offset_type == TrailingOffsetType::kBasisPoints ? " bps"
             : order.trailing_offset_type == TrailingOffsetType::kTicks     ? " ticks"
                                                                            : "");
  if (order.stop_price) text += " stop " + to_string(*order.stop_price);
  if (order.price) text += " @ " + to_string(*order.price);
  if (order.reduce_only) text += " reduce-only";
  text += " " + std::string(name_of(order.time_in_force)) + ", strategy '" + order.strategy_id + "', " +
          std::string(name_of(order.status));
  if (order.filled_quantity.mantissa > 0) text += ", filled " + to_string(order.filled_quantity);
  if (order.reject_reason != RejectReason::kNone) text += ", " + std::string(name_of(order.reject_reason));
  if (order.cancel_reason != CancelReason::kNone) text += ", " + std::string(name_of(order.cancel_reason));
  return text + ">";
}

constexpr const char* kFactoryErrors =
    "\n\n"
    "Numbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is "
    "the idempotency key, by default a new random id; `created_at` is by default the wall clock. "
    "`reduce_only`: fills at most what closes the strategy's position (rule 3.24). `expire_time_ns`: the market time "
    "at "
    "which a GoodTillDate order expires. `negative_prices`: prices may be 0 or below, if the instrument is registered "
    "with negative_prices (rule 3.32).\n\n"
    "Raises InvalidArgument (a ValueError) for numbers not above 0, an empty symbol or an id that is "
    "too long; UnsupportedValue (a TypeError) for a wrong type.";

#define ALPHAFORGE_NUMBER "int | str | float | decimal.Decimal"
#define ALPHAFORGE_QUANTITY "quantity: alphaforge_core.model.Quantity | " ALPHAFORGE_NUMBER
#define ALPHAFORGE_PRICE(name) #name ": alphaforge_core.model.Price | " ALPHAFORGE_NUMBER
#define ALPHAFORGE_IDENTITY                                                                                            \
  "reduce_only: bool = False, expire_time_ns: int | None = None, order_id: str | None = None, created_at: int | None " \
  "= None) -> Order"

#define ALPHAFORGE_PRICED                                                                                              \
  "reduce_only: bool = False, negative_prices: bool = False, expire_time_ns: int | None = None, order_id: str | None " \
  "= None, created_at: int | None = None) -> Order"

void bind_factories(nb::class_<Order>& type) {
  type.def_static("market", &market, "symbol"_a, "side"_a, "quantity"_a, "strategy_id"_a,
                  "time_in_force"_a = TimeInForce::kDay, nb::kw_only(), "reduce_only"_a = false,
                  "expire_time_ns"_a = nb::none(), "order_id"_a = nb::none(), "created_at"_a = nb::none(),
                  nb::sig("def market(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY
                          ", strategy_id: str, time_in_force: TimeInForce = ..., *, " ALPHAFORGE_IDENTITY),
                  (std::string("An order at the market price.") + kFactoryErrors).c_str())
      .def_static("limit", &limit, "symbol"_a, "side"_a, "quantity"_a, "price"_a, "time_in_force"_a, "strategy_id"_a,
                  nb::kw_only(), "post_only"_a = false, "reduce_only"_a = false, "negative_prices"_a = false,
                  "expire_time_ns"_a = nb::none(), "order_id"_a = nb::none(), "created_at"_a = nb::none(),
                  nb::sig("def limit(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
                      price) ", time_in_force: TimeInForce, strategy_id: str, *, post_only: bool = "
                             "False, " ALPHAFORGE_PRICED),
                  (std::string("An order at `price` or better; with `post_only`, it is rejected rather than "
                               "take liquidity.") +
                   kFactoryErrors)
                      .c_str())
      .def_static(
          "stop", &stop, "symbol"_a, "side"_a, "quantity"_a, "stop_price"_a, "time_in_force"_a, "strategy_id"_a,
          nb::kw_only(), "reduce_only"_a = false, "negative_prices"_a = false, "expire_time_ns"_a = nb::none(),
          "order_id"_a = nb::none(), "created_at"_a = nb::none(),
          nb::sig("def stop(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
              stop_price) ", time_in_force: TimeInForce, strategy_id: str, *, " ALPHAFORGE_PRICED),
          (std::string("A market order once the last price is at or beyond `stop_price`.") + kFactoryErrors).c_str())
      .def_static(
          "stop_limit", &stop_limit, "symbol"_a, "side"_a, "quantity"_a, "stop_price"_a, "limit_price"_a,
          "time_in_force"_a, "strategy_id"_a, nb::kw_only(), "post_only"_a = false, "reduce_only"_a = false,
          "negative_prices"_a = false, "expire_time_ns"_a = nb::none(), "order_id"_a = nb::none(),
          "created_at"_a = nb::none(),
          nb::sig("def stop_limit(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
              stop_price) ", " ALPHAFORGE_PRICE(limit_price) ", time_in_force: TimeInForce, strategy_id: str, *, "
                                                             "post_only: bool = False, " ALPHAFORGE_PRICED),
          (std::string("A limit order at `limit_price` once the last price is at or beyond `stop_price`.") +
           kFactoryErrors)
              .c_str());
}

constexpr const char* kTrailingErrors =
    "\n\n"
    "`trailing_offset`: the distance of the stop from the extreme, above 0, in the unit `trailing_offset_type`: a "
    "price difference, basis points of the extreme (below 10,000), or a whole number of the registered instrument's "
    "ticks. `activation_price`: the stop begins to trail when the last price is at or above it (to sell), at or below "
    "it (to buy); by default immediately.";

void bind_trailing_factories(nb::class_<Order>& type) {
  type.def_static(
          "trailing_stop", &trailing_stop, "symbol"_a, "side"_a, "quantity"_a, "trailing_offset"_a, "time_in_force"_a,
          "strategy_id"_a, nb::kw_only(), "trailing_offset_type"_a = TrailingOffsetType::kPrice,
          "activation_price"_a = nb::none(), "reduce_only"_a = false, "negative_prices"_a = false,
          "expire_time_ns"_a = nb::none(), "order_id"_a = nb::none(), "created_at"_a = nb::none(),
          nb::sig("def trailing_stop(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
              trailing_offset) ", time_in_force: TimeInForce, strategy_id: str, *, trailing_offset_type: "
                               "TrailingOffsetType = ..., " ALPHAFORGE_PRICE(
                                   activation_price) " | None = None, " ALPHAFORGE_PRICED),
          (std::string(
               "A stop that follows the extreme of the last prices, the highest to sell, the lowest to buy, and "
               "never moves back (rule 3.25); a market order once the last price is at or beyond it.") +
           kTrailingErrors + kFactoryErrors)
              .c_str())
      .def_static(
          "trailing_stop_limit", &trailing_stop_limit, "symbol"_a, "side"_a, "quantity"_a, "trailing_offset"_a,
          "limit_offset"_a, "time_in_force"_a, "strategy_id"_a, nb::kw_only(),
          "trailing_offset_type"_a = TrailingOffsetType::kPrice, "activation_price"_a = nb::none(),
          "post_only"_a = false, "reduce_only"_a = false, "negative_prices"_a = false, "expire_time_ns"_a = nb::none(),
          "order_id"_a = nb::none(), "created_at"_a = nb::none(),
          nb::sig(
              "def trailing_stop_limit(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY
              ", " ALPHAFORGE_PRICE(trailing_offset) ", " ALPHAFORGE_PRICE(
                  limit_offset) ", time_in_force: TimeInForce, strategy_id: str, *, trailing_offset_type: "
                                "TrailingOffsetType = ..., " ALPHAFORGE_PRICE(
                                    activation_price) " | None = None, post_only: bool = False, " ALPHAFORGE_PRICED),
          (std::string(
               "A trailing stop that becomes a limit order, with a limit `limit_offset`, at least 0, beyond its "
               "stop: above to buy, below to sell.") +
           kTrailingErrors + kFactoryErrors)
              .c_str());
}

#undef ALPHAFORGE_NUMBER
#undef ALPHAFORGE_QUANTITY
#undef ALPHAFORGE_PRICE
#undef ALPHAFORGE_IDENTITY
#undef ALPHAFORGE_PRICED

void bind_terms(nb::class_<Order>& type) {
  type.def_prop_ro(
          "order_id", [](const Order& self) { return to_str(self.order_id); }, "Its id and idempotency key.")
      .def_prop_ro(
          "symbol", [](const Order& self) { return to_str(self.symbol); }, "The instrument.")
      .def_prop_ro(
          "instrument_id", [](const Order& self) { return to_str(self.symbol); },
          "The symbol under the name that ticks and bars use.")
      .def_prop_ro(
          "strategy_id", [](const Order& self) { return to_str(self.strategy_id); }, "The strategy.")
      .def_ro("side", &Order::side, "Buy or Sell.")
      .def_ro("order_type", &Order::type, "Market, Limit, Stop, StopLimit, TrailingStop or TrailingStopLimit.")
      .def_ro("time_in_force", &Order::time_in_force, "The time in force.")
      .def_ro("post_only", &Order::post_only, "True if it is post-only.")
      .def_ro("reduce_only", &Order::reduce_only, "True if it is reduce-only.")
      .def_prop_ro(
          "expire_time_ns", [](const Order& self) { return self.expire_time; },
          "Market time at which it expires, nanoseconds since the Unix epoch; None unless it is GoodTillDate.")
      .def_prop_ro(
          "quantity", [](const Order& self) { return real(self.quantity); }, "Its total quantity, after changes.")
      .def_prop_ro(
          "price", [](const Order& self) { return real(self.price); },
          "Its limit, after changes; None if its type has none, and before a trailing stop-limit triggers.")
      .def_prop_ro(
          "stop_price", [](const Order& self) { return real(self.stop_price); },
          "Its stop price, after changes; None if its type has none. Of a trailing stop, where it is now; None before "
          "it "
          "trails.")
      .def_prop_ro(
          "trailing_offset", [](const Order& self) { return real(self.trailing_offset); },
          "Distance of a trailing stop from its extreme; None for other types.")
      .def_prop_ro(
          "trailing_offset_type",
          [](const Order& self) {
            return self.trailing_offset ? std::optional(self.trailing_offset_type) : std::nullopt;
          },
          "The unit of the offset; None for other types.")
      .def_prop_ro(
          "activation_price", [](const Order& self) { return real(self.activation_price); },
          "It begins to trail when the last price reaches this; None if it begins immediately, and for other types.")
      .def_prop_ro(
          "limit_offset", [](const Order& self) { return real(self.limit_offset); },
          "How far the limit of a trailing stop-limit is beyond its stop; None for other types.")
      .def_ro("created_at", &Order::created_at, "When the client created it, nanoseconds since the Unix epoch.")
      .def_prop_ro(
          "group_type",
          [](const Order& self) {
            return self.group_type == OrderGroupType::kNone ? std::nullopt : std::optional(self.group_type);
          },
          "The type of its group; None if it is in none.")
      .def_prop_ro(
          "group_id", [](const Order& self) { return name_or_none(self.group_id); },
          nb::sig("def group_id(self) -> str | None"), "The id of its group's first order; None if it is in none.")
      .def_prop_ro(
          "parent_id", [](const Order& self) { return name_or_none(parent_id(self)); },
          nb::sig("def parent_id(self) -> str | None"),
          "The id of its parent, for whose fills it waits; None without a parent.");
}

void bind_outcome(nb::class_<Order>& type) {
  type.def_ro("status", &Order::status, "Its status.")
      .def_prop_ro(
          "is_active", [](const Order& self) { return is_active(self.status); },
          "True while it is Submitted or PartiallyFilled.")
      .def_prop_ro(
          "filled_quantity", [](const Order& self) { return real(self.filled_quantity); }, "The sum of its fills.")
      .def_prop_ro(
          "leaves_quantity", [](const Order& self) { return real(self.leaves_quantity()); },
          "quantity - filled_quantity: still to fill, or never filled if the order is final.")
      .def_prop_ro(
          "avg_fill_price", [](const Order& self) { return real(self.avg_fill_price); },
          "Value over quantity of its fills; None without fills.")
      .def_prop_ro(
          "commission", [](const Order& self) { return real(self.commission); }, "The sum of its fills' commissions.")
      .def_prop_ro(
          "fills", [](const Order& self) { return self.fills; }, "Its fills in order, exact.")
      .def_ro("fill_count", &Order::fill_count, "Its number of fills.")
      .def_prop_ro(
          "submitted_at", [](const Order& self) { return self.submitted_at; },
          "When the engine received it, wall clock, nanoseconds since the Unix epoch; None before.")
      .def_prop_ro(
          "updated_at", [](const Order& self) { return self.updated_at; },
          "When it last changed, wall clock, nanoseconds since the Unix epoch; None before it was submitted.")
      .def_prop_ro(
          "triggered_at", [](const Order& self) { return self.triggered_at; },
          "Market time at which its stop triggered, nanoseconds since the Unix epoch; None before.")
      .def_prop_ro(
          "reject_reason", [](const Order& self) { return name_or_none(name_of(self.reject_reason)); },
          nb::sig("def reject_reason(self) -> str | None"), "Why it was rejected, e.g. 'HALTED'; None unless Rejected.")
      .def_prop_ro(
          "cancel_reason", [](const Order& self) { return name_or_none(name_of(self.cancel_reason)); },
          nb::sig("def cancel_reason(self) -> str | None"),
          "Why it was cancelled, e.g. 'DAY_EXPIRED'; None unless Cancelled.");
}

#define ALPHAFORGE_EXACT(name, kind, expression)                                                                   \
  def_prop_ro(                                                                                                     \
      "exact_" #name, [](const Order& self) { return expression; }, nb::sig("def exact_" #name "(self) -> " kind), \
      "`" #name "` as an exact Decimal.")

// The numbers that are floats above, as positions and events have them.
void bind_exact(nb::class_<Order>& type) {
  type.ALPHAFORGE_EXACT(quantity, "decimal.Decimal", to_decimal(self.quantity.mantissa, kPlaces))
      .ALPHAFORGE_EXACT(filled_quantity, "decimal.Decimal", to_decimal(self.filled_quantity.mantissa, kPlaces))
      .ALPHAFORGE_EXACT(leaves_quantity, "decimal.Decimal", to_decimal(self.leaves_quantity().mantissa, kPlaces))
      .ALPHAFORGE_EXACT(price, "decimal.Decimal | None", to_decimal(self.price))
      .ALPHAFORGE_EXACT(stop_price, "decimal.Decimal | None", to_decimal(self.stop_price))
      .ALPHAFORGE_EXACT(avg_fill_price, "decimal.Decimal | None", to_decimal(self.avg_fill_price))
      .ALPHAFORGE_EXACT(trailing_offset, "decimal.Decimal | None", to_decimal(self.trailing_offset))
      .ALPHAFORGE_EXACT(activation_price, "decimal.Decimal | None", to_decimal(self.activation_price))
      .ALPHAFORGE_EXACT(limit_offset, "decimal.Decimal | None", to_decimal(self.limit_offset))
      .ALPHAFORGE_EXACT(commission, "decimal.Decimal", to_decimal(self.commission.mantissa, kValuePlaces));
}

#undef ALPHAFORGE_EXACT

void bind_fill(nb::module_ m) {
  nb::class_<Fill> type(m, "Fill", nb::is_final(), "One execution of an order against one trade. Immutable and exact.");
  type.def_prop_ro(
          "fill_id", [](const Fill& self) { return to_str(self.fill_id()); },
          "The order's id, '-', and its number among the order's fills from 1.")
      .def_prop_ro(
          "order_id", [](const Fill& self) { return to_str(self.order_id); }, "The order.")
      .def_prop_ro(
          "symbol", [](const Fill& self) { return to_str(self.symbol); }, "The instrument.")
      .def_prop_ro(
          "strategy_id", [](const Fill& self) { return to_str(self.strategy_id); }, "The order's strategy.")
      .def_ro("side", &Fill::side, "Buy or Sell.")
      .def_ro("price", &Fill::price, nb::rv_policy::copy, "The price.")
      .def_ro("quantity", &Fill::quantity, nb::rv_policy::copy, "The filled quantity.")
      .def_prop_ro(
          "commission", [](const Fill& self) { return to_decimal(self.commission.mantissa, kValuePlaces); },
          nb::sig("def commission(self) -> decimal.Decimal"), "What the order is charged for this fill (rule 3.29).")
      .def_prop_ro(
          "value", [](const Fill& self) { return to_decimal(self.value.mantissa, kValuePlaces); },
          nb::sig("def value(self) -> decimal.Decimal"),
          "Price x quantity; of a registered instrument, the value of its contracts.")
      .def_prop_ro(
          "commission_rule",
          [](const Fill& self) {
            return to_str(commission_rule_text(self.commission_rules, self.liquidity_side == LiquiditySide::kMaker));
          },
          "What its commission consists of: maker_rate, taker_rate, per_contract, per_order, minimum, maximum, joined "
          "by "
          "a plus.")
      .def_ro("liquidity_side", &Fill::liquidity_side, "Maker or Taker.")
      .def_ro("ts_event", &Fill::ts_event,
              "ts_event of the tick it filled against, nanoseconds since the Unix "
              "epoch.")
      .def_prop_ro(
          "trade_id", [](const Fill& self) { return to_str(self.trade_id); },
          "The venue's id of the tick it filled against; may be empty.")
      .def_ro("sequence", &Fill::sequence, "The sequence of its event in the engine.")
      .def("as_dict", &fill_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name: enumerations as names, numbers as exact Decimals, nested values "
           "as dicts.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const Fill& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.fill_id())); })
      .def("__repr__", [](const Fill& self) {
        return "<Fill " + self.fill_id() + ": " + std::string(name_of(self.side)) + " " + to_string(self.quantity) +
               " " + self.symbol + " @ " + to_string(self.price) + " " + std::string(name_of(self.liquidity_side)) +
               ">";
      });
  bind_copies(type);
  bind_wire(type, "Fill", &wire::encode_fill, &wire::decode_fill);
}

}  // namespace

void bind_order(nb::module_ m) {
  bind_enums(m);
  bind_fill(m);
  nb::class_<Order> type(m, "Order", nb::is_final(),
                         "An order and, if returned by an engine, its state at that time.\n\n"
                         "Immutable: submitting it changes nothing in it; ask the engine for its current state.\n\n"
                         ">>> order = Order.limit(\"BTCUSD\", OrderSide.Buy, 0.5, 45000, TimeInForce.GoodTillCancel, "
                         "\"my_strategy\")\n"
                         ">>> order.status, order.leaves_quantity\n"
                         "(OrderStatus.Initialized, 0.5)\n"
                         ">>> Order.limit(\"BTCUSD\", OrderSide.Buy, 0.5, 0, TimeInForce.Day, \"my_strategy\")\n"
                         "Traceback (most recent call last):\n"
                         "alphaforge_core.errors.InvalidArgument: order ...: price must be above 0, not 0.00...");
  bind_factories(type);
  bind_trailing_factories(type);
  bind_terms(type);
  bind_outcome(type);
  bind_exact(type);
  type.def("as_dict", &order_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name: enumerations as names, numbers as exact Decimals, nested values "
           "as dicts.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const Order& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.order_id)); })
      .def("__repr__", &repr_order);
  bind_copies(type);
  bind_wire(type, "Order", &wire::encode_order, &wire::decode_order);
}

}  // namespace alphaforge::bindings
