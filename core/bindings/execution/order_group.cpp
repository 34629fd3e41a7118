#include "model/order_group.hpp"

#include <nanobind/operators.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "wire/orders.hpp"

// OrderGroup and its type.

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

void bind_group_type(nb::module_ m) {
  nb::enum_<OrderGroupType>(m, "OrderGroupType", "The type of a group of orders.")
      .value("OneCancelsOther", OrderGroupType::kOneCancelsOther,
             "Siblings, which share one remainder: what one fills, the others can't.")
      .value("OneTriggersOther", OrderGroupType::kOneTriggersOther,
             "A parent, then its children, which sleep until it fills.")
      .value("Bracket", OrderGroupType::kBracket,
             "A parent, then its children, which are siblings on the other side: take profit and stop loss.");
}

// Whether the prices are in this order for a buy, in the opposite one for a sell.
bool is_ordered(OrderSide side, Price low, Price high) { return side == OrderSide::kBuy ? low < high : high < low; }

// How a bracket ends its loss: by a stop, a stop-limit or a trailing stop.
struct LossTerms {
  nb::handle stop;
  nb::handle limit;
  nb::handle trailing_offset;
  TrailingOffsetType offset_type;
};

void set_loss(Order& loss, const LossTerms& terms) {
  if (terms.stop.is_none() == terms.trailing_offset.is_none())
    throw InvalidArgument(terms.stop.is_none() ? Reason::ORDER_FIELD_MISSING : Reason::ORDER_FIELD_SURPLUS,
                          "a bracket needs either a stop_loss or a trailing_offset");
  if (terms.stop.is_none()) {
    if (!terms.limit.is_none())
      throw InvalidArgument(Reason::ORDER_FIELD_SURPLUS, "a bracket with a trailing_offset takes no stop_loss_limit");
    loss.type = OrderType::kTrailingStop;
    loss.trailing_offset = to_price(terms.trailing_offset, "trailing_offset");
    loss.trailing_offset_type = terms.offset_type;
    return;
  }
  loss.type = terms.limit.is_none() ? OrderType::kStop : OrderType::kStopLimit;
  loss.stop_price = to_price(terms.stop, "stop_loss");
  if (!terms.limit.is_none()) loss.price = to_price(terms.limit, "stop_loss_limit");
}

// Whether entry, take profit and stop loss are in order, as far as they have prices.
bool are_ordered(const Order& entry, const Order& profit, const Order& loss) {
  const auto in_order = [&](const std::optional<Price>& first, const std::optional<Price>& second) {
    return !first || !second || is_ordered(entry.side, *first, *second);
  };
  return in_order(loss.stop_price, profit.price) && in_order(entry.price, profit.price) &&
         in_order(loss.stop_price, entry.price);
}

OrderGroup bracket(nb::handle symbol, OrderSide side, nb::handle quantity, nb::handle strategy_id,
                   nb::handle take_profit, nb::handle stop_loss, nb::handle price, nb::handle stop_loss_limit,
                   nb::handle trailing_offset, TrailingOffsetType trailing_offset_type, TimeInForce time_in_force,
                   TimeInForce exit_time_in_force, bool post_only, bool reduce_only, bool negative_prices,
                   nb::handle order_id, nb::handle created_at) {
  Order entry = make_order(price.is_none() ? OrderType::kMarket : OrderType::kLimit, symbol, side, quantity,
                           time_in_force, strategy_id, false, nb::none(), order_id, created_at);
  if (!price.is_none()) entry.price = to_price(price);
  entry.post_only = post_only;
  Order profit = entry, loss = entry;
  for (Order* exit : {&profit, &loss}) {
    exit->side = side == OrderSide::kBuy ? OrderSide::kSell : OrderSide::kBuy;
    exit->time_in_force = exit_time_in_force;
    exit->post_only = false;
    exit->reduce_only = reduce_only;
  }
  profit.order_id += "-tp";
  profit.type = OrderType::kLimit;
  profit.price = to_price(take_profit, "take_profit");
  loss.order_id += "-sl";
  loss.price.reset();
  set_loss(loss, {stop_loss, stop_loss_limit, trailing_offset, trailing_offset_type});
  if (!are_ordered(entry, profit, loss))
    throw InvalidArgument(
        Reason::ORDER_CONFLICT,
        side == OrderSide::kBuy
            ? "in a bracket to buy, stop_loss must be below take_profit, and price (if given) between them"
            : "in a bracket to sell, stop_loss must be above take_profit, and price (if given) between them");
  return make_order_group(OrderGroupType::kBracket, {std::move(entry), std::move(profit), std::move(loss)},
                          negative_prices);
}

constexpr const char* kBracketSignature =
    "def bracket(symbol: str, side: OrderSide, "
    "quantity: alphaforge_core.model.Quantity | int | str | float | decimal.Decimal, strategy_id: str, *, "
    "take_profit: alphaforge_core.model.Price | int | str | float | decimal.Decimal, "
    "stop_loss: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, "
    "price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, "
    "stop_loss_limit: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, "
    "trailing_offset: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None, "
    "trailing_offset_type: TrailingOffsetType = ..., "
    "time_in_force: TimeInForce = ..., exit_time_in_force: TimeInForce = ..., post_only: bool = False, "
    "reduce_only: bool = False, negative_prices: bool = False, order_id: str | None = None, "
    "created_at: int | None = None) -> OrderGroup";

void bind_bracket() {
  auto type = nb::borrow<nb::class_<Order>>(nb::type<Order>());
  type.def_static(
      "bracket", &bracket, "symbol"_a, "side"_a, "quantity"_a, "strategy_id"_a, nb::kw_only(), "take_profit"_a,
      "stop_loss"_a = nb::none(), "price"_a = nb::none(), "stop_loss_limit"_a = nb::none(),
      "trailing_offset"_a = nb::none(), "trailing_offset_type"_a = TrailingOffsetType::kPrice,
      "time_in_force"_a = TimeInForce::kGoodTillCancel, "exit_time_in_force"_a = TimeInForce::kGoodTillCancel,
      "post_only"_a = false, "reduce_only"_a = false, "negative_prices"_a = false, "order_id"_a = nb::none(),
      "created_at"_a = nb::none(), nb::sig(kBracketSignature),
      "An entry, its take profit and its stop loss, for ExecutionEngine.submit_order_group().\n\n"
      "The entry is a limit order at `price`, or without one a market order, with `time_in_force` and `post_only`. The "
      "exits are on the other side, with `exit_time_in_force`: a limit order at `take_profit`, whose id is `order_id` "
      "+ "
      "\"-tp\", and a stop at `stop_loss`, or with `stop_loss_limit` a stop-limit, or with `trailing_offset` instead a "
      "trailing stop that begins once the entry has filled, whose id is `order_id` + \"-sl\". With `reduce_only` both "
      "close at most the strategy's position, and end with it (rule 3.24). "
      "With `negative_prices`, prices may be 0 or below if the instrument allows it (rule 3.32). "
      "They sleep until the entry fills, and what one of them fills, the other can't (rules 3.22 and 3.23).\n\n"
      "Raises InvalidArgument (a ValueError): ORDER_CONFLICT if the prices are not in order or an exit is IOC or FOK, "
      "ORDER_FIELD_MISSING or ORDER_FIELD_SURPLUS unless it has either stop_loss or trailing_offset, and the errors of "
      "the other factories.\n\n"
      ">>> group = Order.bracket(\"BTCUSD\", OrderSide.Buy, 1, \"my_strategy\", take_profit=47000, stop_loss=44000)\n"
      ">>> [order.order_type.name for order in group.orders]\n"
      "['Market', 'Limit', 'Stop']");
}

std::string encode_group(const OrderGroup& group) {
  std::string message;
  wire::append_submit_group(message, group);
  return message;
}

std::string repr_group(const OrderGroup& group) {
  std::string text = "<OrderGroup " + std::string(name_of(group.type)) + ":";
  for (const Order& order : group.orders) text += " " + order.order_id;
  return text + ">";
}

OrderGroup make_group(OrderGroupType type, nb::handle given) {
  std::vector<Order> orders;
  for (const nb::handle item : nb::iter(given)) {
    const Order* order = nullptr;
    if (!nb::try_cast(item, order, false) || order == nullptr)
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                             std::string("a group takes Orders, not ") + nb::type_name(item.type()).c_str());
    orders.push_back(*order);
  }
  // Each order was checked when it was made.
  return make_order_group(type, std::move(orders), true);
}

}  // namespace

void bind_order_group(nb::module_ m) {
  bind_group_type(m);
  nb::class_<OrderGroup> type(
      m, "OrderGroup", nb::is_final(),
      "Orders of one symbol and one strategy that are submitted together, all or none. Immutable.\n\n"
      "Order.bracket() creates brackets; other groups are made of orders.\n\n"
      ">>> low, high = (\n"
      "...     Order.stop(\"BTCUSD\", side, 1, price, TimeInForce.GoodTillCancel, \"my_strategy\")\n"
      "...     for side, price in ((OrderSide.Sell, 44000), (OrderSide.Buy, 46000))\n"
      "... )\n"
      ">>> group = OrderGroup(OrderGroupType.OneCancelsOther, [low, high])\n"
      ">>> [order.group_id == low.order_id for order in group.orders]\n"
      "[True, True]");
  type.def(
          "__init__",
          [](OrderGroup* self, OrderGroupType group_type, nb::handle orders) {
            new (self) OrderGroup(make_group(group_type, orders));
          },
          "type"_a, "orders"_a,
          nb::sig("def __init__(self, type: OrderGroupType, orders: collections.abc.Iterable[Order]) -> None"),
          "2 to 10 orders, in order of submission; a parent comes first.\n\n"
          "Raises InvalidArgument (a ValueError): ORDER_CONFLICT if they differ in symbol or strategy or share an id, "
          "if "
          "one is IOC or FOK without being a parent, if a child is for more than its parent, and if the child of a "
          "bracket is on the side of the entry; LIMIT_EXCEEDED for too few or too many.")
      .def_ro("type", &OrderGroup::type, "The type of the group.")
      .def_prop_ro(
          "orders", [](const OrderGroup& self) { return self.orders; },
          "Its orders, in order of submission; each has its group_type and group_id.")
      .def_prop_ro(
          "order_ids",
          [](const OrderGroup& self) {
            nb::list ids;
            for (const Order& order : self.orders) ids.append(to_str(order.order_id));
            return ids;
          },
          nb::sig("def order_ids(self) -> list[str]"), "The ids of its orders.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const OrderGroup& self) {
             return static_cast<std::int64_t>(std::hash<std::string>{}(self.orders.front().order_id));
           })
      .def("__repr__", &repr_group);
  bind_copies(type);
  bind_wire(type, "OrderGroup", &encode_group, &wire::decode_submit_group);
  bind_bracket();
}

}  // namespace alphaforge::bindings
