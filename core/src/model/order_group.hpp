#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "model/order.hpp"

namespace alphaforge {

inline constexpr std::size_t kGroupOrdersMax = 10;

// Orders that are submitted together, each of which names the group (rule 3.21).
struct OrderGroup {
  OrderGroupType type = OrderGroupType::kNone;
  std::vector<Order> orders;  // in order of submission; a parent comes first

  bool operator==(const OrderGroup&) const = default;
};

// Whether the first order of a group of this type is the parent of the others.
constexpr bool has_parent(OrderGroupType type) {
  return type == OrderGroupType::kOneTriggersOther || type == OrderGroupType::kBracket;
}
// Whether the orders other than the parent share one remaining quantity.
constexpr bool has_siblings(OrderGroupType type) {
  return type == OrderGroupType::kOneCancelsOther || type == OrderGroupType::kBracket;
}

// The id of the order that `order` waits for; empty for none.
std::string_view parent_id(const Order& order);

// Makes a group of the orders. Throws InvalidArgument: ORDER_CONFLICT if they don't fit together, LIMIT_EXCEEDED for
// too few or too many, ORDER_FIELD_SURPLUS for one that is in a group already, and what check_order throws.
OrderGroup make_order_group(OrderGroupType type, std::vector<Order> orders, bool negative_prices = false);

// Throws InvalidArgument ORDER_FIELD_SURPLUS for an order of a group, which is submitted only with its group.
void check_is_single(const Order& order);

std::string_view name_of(OrderGroupType type);

}  // namespace alphaforge
