#include "model/order_group.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge {

namespace {

[[noreturn]] void invalid(const std::string& problem, Reason reason = Reason::ORDER_CONFLICT) {
  throw InvalidArgument(reason, "group of orders: " + problem);
}

void check_size(OrderGroupType type, std::size_t size) {
  const std::size_t least = type == OrderGroupType::kBracket ? 3 : 2;
  if (size < least || size > kGroupOrdersMax)
    invalid("a " + std::string(name_of(type)) + " group must have " + std::to_string(least) + " to " +
                std::to_string(kGroupOrdersMax) + " orders, not " + std::to_string(size),
            Reason::LIMIT_EXCEEDED);
}

// Checks what must hold for any two orders of a group.
void check_others(std::span<const Order> orders) {
  const Order& first = orders.front();
  for (const Order& order : orders.subspan(1)) {
    if (order.symbol != first.symbol)
      invalid("its orders must have the same symbol, not " + first.symbol + " and " + order.symbol);
    if (order.strategy_id != first.strategy_id)
      invalid("its orders must have the same strategy, not " + first.strategy_id + " and " + order.strategy_id);
    if (std::ranges::count(orders, order.order_id, &Order::order_id) > 1)
      invalid("the id " + order.order_id + " occurs twice");
  }
}

void check_child(const Order& child, const Order& parent, OrderGroupType type) {
  if (child.quantity > parent.quantity)
    invalid("order " + child.order_id + " is for " + to_string(child.quantity) + ", more than the " +
            to_string(parent.quantity) + " of its parent");
  if (type == OrderGroupType::kBracket && child.side == parent.side)
    invalid("order " + child.order_id + " must be on the opposite side of the entry");
}

}  // namespace

std::string_view parent_id(const Order& order) {
  return has_parent(order.group_type) && order.group_id != order.order_id ? order.group_id : std::string_view();
}

OrderGroup make_order_group(OrderGroupType type, std::vector<Order> orders, bool negative_prices) {
  if (name_of(type).empty())
    throw InvalidArgument(Reason::ENUM_UNKNOWN, "unknown group type " + std::to_string(static_cast<int>(type)));
  check_size(type, orders.size());
  for (const Order& order : orders) {
    check_order(order, negative_prices);
    if (order.group_type != OrderGroupType::kNone)
      invalid("order " + order.order_id + " is already in a group", Reason::ORDER_FIELD_SURPLUS);
  }
  check_others(orders);
  for (std::size_t i = has_parent(type) ? 1 : 0; i != orders.size(); ++i) {
    const TimeInForce time_in_force = orders[i].time_in_force;
    if (time_in_force == TimeInForce::kImmediateOrCancel || time_in_force == TimeInForce::kFillOrKill)
      invalid("order " + orders[i].order_id + " is " + std::string(name_of(time_in_force)) +
              "; only a parent may be IOC or FOK");
    if (i > 0 && has_parent(type)) check_child(orders[i], orders.front(), type);
  }
  OrderGroup group{type, std::move(orders)};
  for (Order& order : group.orders) {
    order.group_type = type;
    order.group_id = group.orders.front().order_id;
  }
  return group;
}

void check_is_single(const Order& order) {
  if (order.group_type != OrderGroupType::kNone || !order.group_id.empty())
    invalid("order " + order.order_id + " belongs to a group; submit the whole group with submit_order_group",
            Reason::ORDER_FIELD_SURPLUS);
}

std::string_view name_of(OrderGroupType type) {
  switch (type) {
    case OrderGroupType::kNone:
      return "";
    case OrderGroupType::kOneCancelsOther:
      return "OneCancelsOther";
    case OrderGroupType::kOneTriggersOther:
      return "OneTriggersOther";
    case OrderGroupType::kBracket:
      return "Bracket";
  }
  return "";
}

}  // namespace alphaforge
