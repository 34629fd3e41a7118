#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "execution/grid.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/ledger.hpp"
#include "execution/limits.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

// Groups of orders: their submission (rule 3.21), siblings (3.22) and children (3.23).

namespace alphaforge::execution {

namespace {

[[noreturn]] void conflict(const Order& order) {
  throw InvalidArgument(Reason::ORDER_CONFLICT, "order " + order.order_id +
                                                    " was submitted with other fields or in another group; a new "
                                                    "group needs new order ids");
}

bool ends_with_its_group(CancelReason reason) {
  return reason == CancelReason::kGroupFilled || reason == CancelReason::kGroupCancelled;
}

}  // namespace

void Venue::touch_group(GroupRecord& group) {
  if (checkpoint_.get() == nullptr) return;
  for (OrderRecord* order : group.orders)
    if (order != nullptr) touch(*order);
}

// The group as it was submitted before; none if all its ids are unknown. Forgotten orders are not compared.
std::optional<std::vector<Submission>> Venue::find_group(const OrderGroup& group) const {
  const GroupRecord* known = nullptr;
  for (const Order& order : group.orders) {
    const OrderRecord* found = ledger_.find(order.order_id);
    if (found == nullptr) continue;
    if (found->group == nullptr || (known != nullptr && found->group != known)) conflict(order);
    known = found->group;
  }
  if (known == nullptr) return std::nullopt;
  if (known->type != group.type || known->size != group.orders.size()) conflict(group.orders.front());
  std::vector<Submission> submissions;
  for (std::size_t i = 0; i != group.orders.size(); ++i) {
    const OrderRecord* found = known->orders[i];
    if (found == nullptr) {
      submissions.push_back({static_cast<OrderStatus>(0), RejectReason::kNone, true});
      continue;
    }
    if (found->id.view() != group.orders[i].order_id || !is_same(group.orders[i], *found)) conflict(group.orders[i]);
    submissions.push_back({found->status, found->reject_reason, true});
  }
  return submissions;
}

std::vector<Submission> Venue::submit_group(const OrderGroup& group, std::int64_t now_ns) {
  for (const Order& order : group.orders)
    if (has_negative_prices(order)) check_order(order, takes_negative_prices(order.symbol));
  if (auto known = find_group(group)) return *std::move(known);
  forget(now_ns);
  const Order& first = group.orders.front();
  Strategy& strategy = strategy_of(first.strategy_id);
  Instrument& instrument = instrument_for_order(first.symbol);
  begin(instrument, now_ns);
  touch(strategy);
  std::optional<OrderGroup> fitted_group;
  if (instrument.definition != nullptr) fitted_group = fit_to_grid(*instrument.definition, group);
  const OrderGroup& fitted = fitted_group ? *fitted_group : group;
  const RejectReason reason = group_refusal(fitted, instrument, strategy);
  GroupRecord& placed = ledger_.add_group(fitted, instrument, strategy, now_ns);
  for (std::size_t i = 0; fitted_group && i != placed.size; ++i) set_submitted(*placed.orders[i], group.orders[i]);
  for (OrderRecord* order : std::span(placed.orders).first(placed.size)) {
    ++counts_.orders_submitted;
    if (reason != RejectReason::kNone) {
      reject(*order, reason);
      continue;
    }
    if (has_parent(group.type) && !placed.is_parent(*order)) order->place = Place::kAsleep;
    open(*order);
  }
  // Children arrive later. A sibling may already have ended, because of what another one filled on its arrival.
  for (OrderRecord* order : std::span(placed.orders).first(placed.size)) {
    if (!is_active(order->status) || order->place != Place::kNowhere) continue;
    // Later orders come after everything that the earlier ones have triggered.
    if (order != placed.orders.front()) order->priority = ++last_priority_;
    enter(*order);
  }
  std::vector<Submission> submissions;
  for (const OrderRecord* order : std::span(placed.orders).first(placed.size))
    submissions.push_back({order->status, order->reject_reason, false});
  return submissions;
}

// The reason of the first order that is refused, if any: the group is placed as a whole.
RejectReason Venue::group_refusal(const OrderGroup& group, const Instrument& instrument, Strategy& strategy) const {
  for (const Order& order : group.orders)
    if (const RejectReason reason = refusal(order, instrument); reason != RejectReason::kNone) return reason;
  if (strategy.account.is_halted && !std::ranges::all_of(group.orders, &Order::reduce_only))
    return RejectReason::kLossLimit;
  const auto count = static_cast<std::int64_t>(group.orders.size());
  if (const RejectReason reason = count_refusal(config_, strategy, market_time_, count); reason != RejectReason::kNone)
    return reason;
  for (const Order& order : group.orders) {
    if (!parent_id(order).empty()) continue;
    if (order.reduce_only && reducible(strategy, instrument, order.side) == 0) return RejectReason::kNothingToReduce;
    if (would_take(order, instrument)) return RejectReason::kPostOnlyWouldTake;
  }
  return RejectReason::kNone;
}

// Takes the order out of the books until more is released to it. Asleep, it doesn't trail, and a fill that leaves
// nothing to reduce doesn't end it.
void Venue::sleep(OrderRecord& order) {
  if (order.reduce_only && order.place != Place::kAsleep) leave_reducing(order);
  unlink(order);
  if (order.is_trailing() && !order.is_triggered()) order.trail->since = kNoTime;
  order.place = Place::kAsleep;
}

// After the event of a fill of an order of a group.
void Venue::settle_fill(OrderRecord& order, int128 quantity) {
  GroupRecord& group = *order.group;
  if (group.is_parent(order)) {
    group.filled_by_parent.mantissa += quantity;
    if (group.due_since == 0) {
      group.due_since = order.last_event;
      order.instrument->due.push_back(&group);
      order.instrument->is_due = true;
    }
    if (is_final(order.status)) end_parent(group);
    return;
  }
  if (has_siblings(group.type)) group.filled.mantissa += quantity;
  if (group.room(order) > 0) return;
  const bool may_grow = group.may_grow();
  for (OrderRecord* each : group.children()) {
    if (each == nullptr || is_final(each->status) || (each != &order && !has_siblings(group.type))) continue;
    if (may_grow)
      sleep(*each);
    else
      cancel(*each, CancelReason::kGroupFilled);
  }
}

// After the event of its end.
void Venue::settle_cancel(OrderRecord& order) {
  GroupRecord& group = *order.group;
  if (group.is_parent(order)) return end_parent(group);
  if (!has_siblings(group.type) || ends_with_its_group(order.cancel_reason)) return;
  for (OrderRecord* each : group.children())
    if (each != nullptr && !is_final(each->status)) cancel(*each, CancelReason::kGroupCancelled);
}

// The parent is final: reduces its children to what it filled.
void Venue::end_parent(GroupRecord& group) {
  for (OrderRecord* child : group.children()) {
    if (child == nullptr || is_final(child->status)) continue;
    if (group.filled_by_parent.mantissa == 0) {
      cancel(*child, CancelReason::kGroupCancelled);
    } else if (!group.may_grow() && group.room(*child) == 0) {
      cancel(*child, CancelReason::kGroupFilled);
    } else if (child->terms.quantity > group.filled_by_parent) {
      touch(*child);
      child->terms.quantity = group.filled_by_parent;
      record(*child, OrderEventType::kModified);
    }
  }
}

// At the beginning of a tick: the groups whose parents have filled before it.
void Venue::begin_releases(Instrument& instrument) {
  for (GroupRecord* group : instrument.due) {
    touch_group(*group);
    group->due_since = 0;
    group->releasing = group->filled_by_parent;
  }
  instrument.releasing = instrument.due.size();
}

// In step (iv). Groups whose parents have filled during this tick come after the others, and stay.
void Venue::release_due(Instrument& instrument) {
  for (std::size_t i = 0; i != instrument.releasing; ++i) release(*instrument.due[i]);
  instrument.due.erase(instrument.due.begin(),
                       instrument.due.begin() + static_cast<std::ptrdiff_t>(instrument.releasing));
  instrument.releasing = 0;
  instrument.is_due = !instrument.due.empty();
}

// Children may fill what their parent had filled before this tick, and arrive.
void Venue::release(GroupRecord& group) {
  touch_group(group);
  group.released = group.releasing;
  for (OrderRecord* child : group.children())
    if (child != nullptr && child->place == Place::kAsleep && child->reduce_only &&
        reducible(*child->strategy, *child->instrument, child->side) == 0)
      cancel(*child, CancelReason::kNothingToReduce);
  for (OrderRecord* child : group.children()) {
    if (child == nullptr || is_final(child->status)) continue;
    if (child->place == Place::kAsleep && child->reduce_only) enter_reducing(*child);
    // A child that trails stays in its queue until its turn, so that its stop is known if it ends before that.
    if (child->place != Place::kTrailing) unlink(*child);
    if (child->status == OrderStatus::kInitialized) {
      ledger_.set_status(*child, OrderStatus::kSubmitted);
      ++counts_.orders_open;
    }
    record(*child, OrderEventType::kModified);
  }
  for (OrderRecord* child : group.children()) {
    // A child that arrived earlier may have ended this one or put it to sleep.
    if (child == nullptr || !is_active(child->status) || child->place == Place::kAsleep) continue;
    arrive_released(*child);
  }
}

void Venue::arrive_released(OrderRecord& child) {
  const auto extreme = extreme_of(child);
  unlink(child);
  child.priority = ++last_priority_;
  if (!child.is_stop() || child.is_triggered())
    meet_market(child);
  else if (!child.is_trailing())
    place_stop(child);
  else if (extreme)
    place_trailing(child, extreme);
  else
    wait_to_trail(child);
}

}  // namespace alphaforge::execution
