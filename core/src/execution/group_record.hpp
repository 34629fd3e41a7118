#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/int128.hpp"
#include "execution/order_record.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

// A group of orders (rules 3.21 to 3.23). Its orders have consecutive numbers.
struct GroupRecord {
  OrderId id;               // of its first order
  std::int64_t number = 0;  // of its first order
  OrderGroupType type = OrderGroupType::kNone;
  std::uint8_t size = 0;                               // orders submitted
  std::array<OrderRecord*, kGroupOrdersMax> orders{};  // in order of submission; null once forgotten
  Quantity greatest;                                   // of the quantities submitted
  Quantity filled;                                     // by siblings together
  Quantity filled_by_parent;
  Quantity released;           // the part of filled_by_parent that children may fill
  Quantity releasing;          // during a tick: what `released` becomes in step (iv)
  std::int64_t due_since = 0;  // sequence of the first fill of the parent that is not released; 0 for none

  OrderRecord* parent() const { return has_parent(type) ? orders.front() : nullptr; }
  bool is_parent(const OrderRecord& order) const { return parent() == &order; }
  // Siblings or children: all but a parent.
  std::span<OrderRecord* const> children() const {
    const std::size_t first = has_parent(type) ? 1 : 0;
    return std::span(orders).subspan(first, size - first);
  }
  // Whether children may be allowed to fill more later.
  bool may_grow() const {
    if (!has_parent(type)) return false;
    return (orders.front() != nullptr && !is_final(orders.front()->status)) || released < filled_by_parent;
  }
  // What the order may fill now, if its own quantity allows it.
  int128 room(const OrderRecord& order) const {
    if (is_parent(order)) return order.leaves();
    const Quantity most = has_parent(type) ? released : greatest;
    return most.mantissa - (has_siblings(type) ? filled : order.filled_quantity).mantissa;
  }
  // The greatest total quantity that a change may give the order; null for a parent, which may have any.
  const Quantity* quantity_max(const OrderRecord& order) const {
    if (is_parent(order)) return nullptr;
    if (!has_parent(type)) return &greatest;
    const OrderRecord* first = orders.front();
    return first != nullptr && !is_final(first->status) ? &first->terms.quantity : &filled_by_parent;
  }
};

}  // namespace alphaforge::execution
