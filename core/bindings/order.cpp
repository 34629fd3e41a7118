#include "model/order.hpp"

#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "execution.hpp"
#include "model.hpp"
#include "model/order_id.hpp"
#include "numbers.hpp"
#include "wire/orders.hpp"

// Order, Fill and their enumerations.

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

void bind_enums(nb::module_ m) {
  nb::enum_<OrderSide>(m, "OrderSide", "Which way an order trades.")
      .value("Buy", OrderSide::kBuy, "Buys.")
      .value("Sell", OrderSide::kSell, "Sells.");
  nb::enum_<OrderType>(m, "OrderType", "How an order finds its price.")
      .value("Market", OrderType::kMarket, "At the market's price.")
      .value("Limit", OrderType::kLimit, "At its price or better.")
      .value("Stop", OrderType::kStop, "A market order once the last price reaches its stop price.")
      .value("StopLimit", OrderType::kStopLimit, "A limit order once the last price reaches its stop price.");
  nb::enum_<OrderStatus>(m, "OrderStatus", "Where an order is in its life; the last three are final.")
      .value("Initialized", OrderStatus::kInitialized, "Made, not submitted.")
      .value("Submitted", OrderStatus::kSubmitted, "Accepted, nothing filled; it rests or waits.")
      .value("PartiallyFilled", OrderStatus::kPartiallyFilled, "Filled in part, still active.")
      .value("Filled", OrderStatus::kFilled, "Filled in full.")
      .value("Cancelled", OrderStatus::kCancelled, "Ended with a rest unfilled.")
      .value("Rejected", OrderStatus::kRejected, "Refused by a rule when it was submitted.");
  nb::enum_<TimeInForce>(m, "TimeInForce", "How long an order lives.")
      .value("Day", TimeInForce::kDay, "Until the first 00:00 UTC after its symbol's market time at submission.")
      .value("GoodTillCancel", TimeInForce::kGoodTillCancel, "Until it is cancelled.")
      .value("ImmediateOrCancel", TimeInForce::kImmediateOrCancel, "Fills what it can on arrival; the rest is cancelled.")
      .value("FillOrKill", TimeInForce::kFillOrKill, "Fills in full on arrival, or is cancelled without a fill.");
  nb::enum_<LiquiditySide>(m, "LiquiditySide", "Which part a fill had in the trade.")
      .value("Maker", LiquiditySide::kMaker, "The order rested and the trade came to it.")
      .value("Taker", LiquiditySide::kTaker, "The order arrived and took.");
}

// What all factories share. Absent ids and times are made here: the engine reads no clock.
Order make_order(OrderType type, nb::handle symbol, OrderSide side, nb::handle quantity, TimeInForce time_in_force,
                 nb::handle strategy_id, nb::handle order_id, nb::handle created_at) {
  Order order;
  order.type = type;
  order.symbol = to_text(symbol, "symbol");
  order.side = side;
  order.quantity = to_quantity(quantity);
  order.time_in_force = time_in_force;
  order.strategy_id = to_text(strategy_id, "strategy_id");
  order.created_at = created_at.is_none() ? wall_now() : to_nanos(created_at, "created_at");
  order.order_id = order_id.is_none() ? make_order_id(order.created_at) : std::string(to_text(order_id, "order_id"));
  return order;
}

Order checked(Order&& order) {
  check_order(order);
  return std::move(order);
}

Order market(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle strategy_id, TimeInForce time_in_force,
             nb::handle order_id, nb::handle created_at) {
  return checked(make_order(OrderType::kMarket, symbol, side, quantity, time_in_force, strategy_id, order_id, created_at));
}

Order limit(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle price, TimeInForce time_in_force,
            nb::handle strategy_id, bool post_only, nb::handle order_id, nb::handle created_at) {
  Order order = make_order(OrderType::kLimit, symbol, side, quantity, time_in_force, strategy_id, order_id, created_at);
  order.price = to_price(price);
  order.post_only = post_only;
  return checked(std::move(order));
}

Order stop(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle stop_price, TimeInForce time_in_force,
           nb::handle strategy_id, nb::handle order_id, nb::handle created_at) {
  Order order = make_order(OrderType::kStop, symbol, side, quantity, time_in_force, strategy_id, order_id, created_at);
  order.stop_price = to_price(stop_price, "stop_price");
  return checked(std::move(order));
}

Order stop_limit(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle stop_price, nb::handle limit_price,
                 TimeInForce time_in_force, nb::handle strategy_id, bool post_only, nb::handle order_id,
                 nb::handle created_at) {
  Order order =
      make_order(OrderType::kStopLimit, symbol, side, quantity, time_in_force, strategy_id, order_id, created_at);
  order.stop_price = to_price(stop_price, "stop_price");
  order.price = to_price(limit_price, "limit_price");
  order.post_only = post_only;
  return checked(std::move(order));
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
  if (order.stop_price) text += " stop " + to_string(*order.stop_price);
  if (order.price) text += " @ " + to_string(*order.price);
  text += " " + std::string(name_of(order.time_in_force)) + ", strategy '" + order.strategy_id + "', " +
          std::string(name_of(order.status));
  if (order.filled_quantity.mantissa > 0) text += ", filled " + to_string(order.filled_quantity);
  if (order.reject_reason != RejectReason::kNone) text += ", " + std::string(name_of(order.reject_reason));
  if (order.cancel_reason != CancelReason::kNone) text += ", " + std::string(name_of(order.cancel_reason));
  return text + ">";
}

constexpr const char* kFactoryErrors =
    "\n\nNumbers are int, str, Decimal, float (its shortest decimal), Price or Quantity. `order_id` is the idempotency key, "
    "made here unless it is given; `created_at` is the wall clock unless given.\n\nRaises InvalidArgument (a ValueError) for "
    "numbers not above 0, an empty symbol or an id that is too long; UnsupportedValue (a TypeError) for a wrong type.";

#define ALPHAFORGE_NUMBER "int | str | float | decimal.Decimal"
#define ALPHAFORGE_QUANTITY "quantity: alphaforge_core.model.Quantity | " ALPHAFORGE_NUMBER
#define ALPHAFORGE_PRICE(name) #name ": alphaforge_core.model.Price | " ALPHAFORGE_NUMBER
#define ALPHAFORGE_IDENTITY "order_id: str | None = None, created_at: int | None = None) -> Order"

void bind_factories(nb::class_<Order>& type) {
  type.def_static("market", &market, "symbol"_a, "side"_a, "quantity"_a, "strategy_id"_a,
                  "time_in_force"_a = TimeInForce::kDay, nb::kw_only(), "order_id"_a = nb::none(), "created_at"_a = nb::none(),
                  nb::sig("def market(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY
                          ", strategy_id: str, time_in_force: TimeInForce = ..., *, " ALPHAFORGE_IDENTITY),
                  (std::string("An order at the market's price.") + kFactoryErrors).c_str())
      .def_static("limit", &limit, "symbol"_a, "side"_a, "quantity"_a, "price"_a, "time_in_force"_a, "strategy_id"_a,
                  nb::kw_only(), "post_only"_a = false, "order_id"_a = nb::none(), "created_at"_a = nb::none(),
                  nb::sig("def limit(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
                      price) ", time_in_force: TimeInForce, strategy_id: str, *, post_only: bool = False, " ALPHAFORGE_IDENTITY),
                  (std::string("An order at `price` or better; `post_only` has it rejected rather than take liquidity.") +
                   kFactoryErrors)
                      .c_str())
      .def_static("stop", &stop, "symbol"_a, "side"_a, "quantity"_a, "stop_price"_a, "time_in_force"_a, "strategy_id"_a,
                  nb::kw_only(), "order_id"_a = nb::none(), "created_at"_a = nb::none(),
                  nb::sig("def stop(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
                      stop_price) ", time_in_force: TimeInForce, strategy_id: str, *, " ALPHAFORGE_IDENTITY),
                  (std::string("A market order once the last price is at or beyond `stop_price`.") + kFactoryErrors).c_str())
      .def_static("stop_limit", &stop_limit, "symbol"_a, "side"_a, "quantity"_a, "stop_price"_a, "limit_price"_a,
                  "time_in_force"_a, "strategy_id"_a, nb::kw_only(), "post_only"_a = false, "order_id"_a = nb::none(),
                  "created_at"_a = nb::none(),
                  nb::sig("def stop_limit(symbol: str, side: OrderSide, " ALPHAFORGE_QUANTITY ", " ALPHAFORGE_PRICE(
                      stop_price) ", " ALPHAFORGE_PRICE(limit_price) ", time_in_force: TimeInForce, strategy_id: str, *, "
                                                                     "post_only: bool = False, " ALPHAFORGE_IDENTITY),
                  (std::string("A limit order at `limit_price` once the last price is at or beyond `stop_price`.") +
                   kFactoryErrors)
                      .c_str());
}

#undef ALPHAFORGE_NUMBER
#undef ALPHAFORGE_QUANTITY
#undef ALPHAFORGE_PRICE
#undef ALPHAFORGE_IDENTITY

void bind_terms(nb::class_<Order>& type) {
  type.def_prop_ro("order_id", [](const Order& self) { return to_str(self.order_id); }, "Its id and idempotency key.")
      .def_prop_ro("symbol", [](const Order& self) { return to_str(self.symbol); }, "What it trades.")
      .def_prop_ro("instrument_id", [](const Order& self) { return to_str(self.symbol); },
                   "The symbol under the name that ticks and bars use.")
      .def_prop_ro("strategy_id", [](const Order& self) { return to_str(self.strategy_id); }, "Whose order it is.")
      .def_ro("side", &Order::side, "Buy or Sell.")
      .def_ro("order_type", &Order::type, "Market, Limit, Stop or StopLimit.")
      .def_ro("time_in_force", &Order::time_in_force, "How long it lives.")
      .def_ro("post_only", &Order::post_only, "True when it may not take liquidity.")
      .def_prop_ro("quantity", [](const Order& self) { return real(self.quantity); }, "Its total quantity, after changes.")
      .def_prop_ro("price", [](const Order& self) { return real(self.price); },
                   "Its limit, after changes; None where its type has none.")
      .def_prop_ro("stop_price", [](const Order& self) { return real(self.stop_price); },
                   "Its trigger, after changes; None where its type has none.")
      .def_ro("created_at", &Order::created_at, "When its maker made it, nanoseconds since the Unix epoch.");
}

void bind_outcome(nb::class_<Order>& type) {
  type.def_ro("status", &Order::status, "Where it is in its life.")
      .def_prop_ro("is_active", [](const Order& self) { return is_active(self.status); },
                   "True while it is Submitted or PartiallyFilled.")
      .def_prop_ro("filled_quantity", [](const Order& self) { return real(self.filled_quantity); }, "The sum of its fills.")
      .def_prop_ro("leaves_quantity", [](const Order& self) { return real(self.leaves_quantity()); },
                   "quantity - filled_quantity; of a final order, what it will never fill.")
      .def_prop_ro("avg_fill_price", [](const Order& self) { return real(self.avg_fill_price); },
                   "Value over quantity of its fills; None without fills.")
      .def_prop_ro("commission", [](const Order& self) { return real(self.commission); },
                   "The sum of its fills' commissions.")
      .def_prop_ro("fills", [](const Order& self) { return self.fills; }, "Its fills in order, exact.")
      .def_ro("fill_count", &Order::fill_count, "How many fills it has.")
      .def_prop_ro("submitted_at", [](const Order& self) { return self.submitted_at; },
                   "When the engine received it, wall clock, nanoseconds since the Unix epoch; None before.")
      .def_prop_ro("updated_at", [](const Order& self) { return self.updated_at; },
                   "When it last changed, wall clock, nanoseconds since the Unix epoch; None before it was submitted.")
      .def_prop_ro("triggered_at", [](const Order& self) { return self.triggered_at; },
                   "Market time at which its stop was reached, nanoseconds since the Unix epoch; None before.")
      .def_prop_ro("reject_reason", [](const Order& self) { return name_or_none(name_of(self.reject_reason)); },
                   nb::sig("def reject_reason(self) -> str | None"), "Why it was refused, e.g. 'HALTED'; None unless Rejected.")
      .def_prop_ro("cancel_reason", [](const Order& self) { return name_or_none(name_of(self.cancel_reason)); },
                   nb::sig("def cancel_reason(self) -> str | None"),
                   "Why it ended, e.g. 'DAY_EXPIRED'; None unless Cancelled.");
}

void bind_fill(nb::module_ m) {
  nb::class_<Fill> type(m, "Fill", nb::is_final(), "One execution of an order against one trade. Immutable and exact.");
  type.def_prop_ro("fill_id", [](const Fill& self) { return to_str(self.fill_id()); },
                   "The order's id, '-', and its number among the order's fills from 1.")
      .def_prop_ro("order_id", [](const Fill& self) { return to_str(self.order_id); }, "The order.")
      .def_prop_ro("symbol", [](const Fill& self) { return to_str(self.symbol); }, "What was traded.")
      .def_prop_ro("strategy_id", [](const Fill& self) { return to_str(self.strategy_id); }, "The order's strategy.")
      .def_ro("side", &Fill::side, "Buy or Sell.")
      .def_ro("price", &Fill::price, nb::rv_policy::copy, "At which price.")
      .def_ro("quantity", &Fill::quantity, nb::rv_policy::copy, "How much.")
      .def_prop_ro("commission", [](const Fill& self) { return to_decimal(self.commission.mantissa, kValuePlaces); },
                   nb::sig("def commission(self) -> decimal.Decimal"), "Rate x value, rounded half to even at 18 places.")
      .def_ro("liquidity_side", &Fill::liquidity_side, "Maker or Taker.")
      .def_ro("ts_event", &Fill::ts_event, "ts_event of the tick behind it, nanoseconds since the Unix epoch.")
      .def_prop_ro("trade_id", [](const Fill& self) { return to_str(self.trade_id); },
                   "The venue's id of the tick behind it; empty where it had none.")
      .def_ro("sequence", &Fill::sequence, "The sequence of its event in the engine.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__", [](const Fill& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.fill_id())); })
      .def("__repr__", [](const Fill& self) {
        return "<Fill " + self.fill_id() + ": " + std::string(name_of(self.side)) + " " + to_string(self.quantity) + " " +
               self.symbol + " @ " + to_string(self.price) + " " + std::string(name_of(self.liquidity_side)) + ">";
      });
  bind_copies(type);
  bind_wire(type, "Fill", &wire::encode_fill, &wire::decode_fill);
}

}  // namespace

void bind_order(nb::module_ m) {
  bind_enums(m);
  bind_fill(m);
  nb::class_<Order> type(m, "Order", nb::is_final(),
                         "An order as its maker made it and, where an engine gives it, what became of it.\n\n"
                         "A value: nothing changes it, submitting neither; ask the engine for a new snapshot.\n\n"
                         ">>> order = Order.limit(\"BTCUSD\", OrderSide.Buy, 0.5, 45000, TimeInForce.GoodTillCancel, \"my_strategy\")\n"
                         ">>> order.status, order.leaves_quantity\n"
                         "(OrderStatus.Initialized, 0.5)\n"
                         ">>> Order.limit(\"BTCUSD\", OrderSide.Buy, 0.5, 0, TimeInForce.Day, \"my_strategy\")\n"
                         "Traceback (most recent call last):\n"
                         "alphaforge_core.errors.InvalidArgument: order ...: price must be above 0, not 0.00");
  bind_factories(type);
  bind_terms(type);
  bind_outcome(type);
  type.def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__", [](const Order& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.order_id)); })
      .def("__repr__", &repr_order);
  bind_copies(type);
  bind_wire(type, "Order", &wire::encode_order, &wire::decode_order);
}

}  // namespace alphaforge::bindings
