#include "execution/ledger.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "execution/checkpoint.hpp"
#include "execution/event_log.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

Terms terms_of(const Order& order) {
  const Price none = is_trailing(order.type) ? kNoPrice : Price{};
  return {order.quantity, order.price.value_or(none), order.stop_price.value_or(none)};
}

TrailTerms trail_terms(const Order& order) {
  return {order.trailing_offset_type, order.trailing_offset.value_or(Price{}), order.limit_offset.value_or(Price{}),
          order.activation_price.value_or(kNoPrice)};
}

void set_submitted(OrderRecord& record, const Order& order) {
  record.submitted_terms = terms_of(order);
  if (record.is_trailing()) record.trail->submitted_terms = trail_terms(order);
}

OrderRecord& Ledger::add(const Order& order, Instrument& instrument, Strategy& strategy, std::int64_t now_ns) {
  OrderRecord& record = restore(order.order_id, instrument, strategy, last_number_ + 1);
  record.side = order.side;
  record.type = order.type;
  record.time_in_force = order.time_in_force;
  record.post_only = order.post_only;
  record.reduce_only = order.reduce_only;
  record.expires_at = order.expire_time.value_or(kNoTime);
  record.terms = terms_of(order);
  record.submitted_terms = record.terms;
  if (order.trailing_offset) {
    add_trail(record);
    record.trail->terms = record.trail->submitted_terms = trail_terms(order);
  }
  record.created_at = order.created_at;
  record.submitted_at = now_ns;
  record.updated_at = now_ns;
  add_to_history(record);
  list(record);
  return record;
}

GroupRecord& Ledger::add_group(const OrderGroup& group, Instrument& instrument, Strategy& strategy,
                               std::int64_t now_ns) {
  GroupRecord& record = restore_group(last_number_ + 1);
  record.id = OrderId(group.orders.front().order_id);
  record.type = group.type;
  for (const Order& order : group.orders) {
    OrderRecord& added = add(order, instrument, strategy, now_ns);
    added.group = &record;
    record.orders[record.size++] = &added;
    record.greatest = std::max(record.greatest, order.quantity);
  }
  return record;
}

GroupRecord& Ledger::restore_group(std::int64_t number) {
  GroupRecord& group = groups_[number];
  group.number = number;
  return group;
}

void Ledger::leave_group(OrderRecord& order) {
  GroupRecord& group = *order.group;
  group.orders[static_cast<std::size_t>(order.number - group.number)] = nullptr;
  if (std::ranges::any_of(group.orders, [](const OrderRecord* other) { return other != nullptr; })) return;
  if (group.due_since != 0) {
    std::erase(order.instrument->due, &group);
    order.instrument->is_due = !order.instrument->due.empty();
  }
  groups_.erase(group.number);
}

void Ledger::list(OrderRecord& order) {
  order.strategy->orders.push_back(&order);
  ++order.strategy->order_count;
  order.instrument->orders.push_back(&order);
  ++order.instrument->order_count;
}

void Ledger::list(FillRecord& fill) {
  fills_.push_back(&fill);
  ++fill_count_;
  Strategy& strategy = *fill.order->strategy;
  strategy.fills.push_back(&fill);
  ++strategy.fill_count;
  Instrument& instrument = *fill.order->instrument;
  instrument.fills.push_back(&fill);
  ++instrument.fill_count;
}

OrderRecord& Ledger::restore(std::string_view order_id, Instrument& instrument, Strategy& strategy,
                             std::int64_t number) {
  OrderRecord& record = *order_pool_.take();
  record.id = OrderId(order_id);
  record.number = last_number_ = number;
  record.instrument = &instrument;
  record.strategy = &strategy;
  index_.insert(&record);
  return record;
}

FillRecord& Ledger::add_fill(OrderRecord& order) {
  FillRecord& fill = restore_fill(order);
  list(fill);
  return fill;
}

FillRecord& Ledger::restore_fill(OrderRecord& order) {
  FillRecord& fill = *fill_pool_.take();
  fill.order = &order;
  fill.number = order.last_fill == nullptr ? 1 : order.last_fill->number + 1;
  (order.last_fill == nullptr ? order.first_fill : order.last_fill->next_of_order) = &fill;
  order.last_fill = &fill;
  return fill;
}

void Ledger::finish(OrderRecord& order) {
  final_.push_back(&order);
  ++final_count_;
}

void Ledger::forget(EventLog& events, std::int64_t now_ns) {
  while (final_count_ > 0) {
    OrderRecord& oldest = *final_.front();
    const int128 age_ns = int128{now_ns} - oldest.updated_at;  // both are wall clocks, and may be anything
    if (final_count_ <= final_orders_max_ && age_ns <= retention_ns_) return;
    // The last event of a final order is the one that made it final: the log keeps all events of remembered orders.
    events.drop_through(oldest.last_event);
    // A client whose clock is ahead must not make the orders of all others look like repeats.
    youngest_forgotten_ = std::max(youngest_forgotten_, std::min(oldest.created_at, oldest.submitted_at));
    final_.pop_front();
    --final_count_;
    release(oldest);
  }
}

void Ledger::release(OrderRecord& order) {
  if (checkpoint_.get() != nullptr) checkpoint_.get()->before_release(order);
  for (FillRecord* fill = order.first_fill; fill != nullptr;) {
    FillRecord* next = fill->next_of_order;
    fills_.remove(fill);
    --fill_count_;
    order.strategy->fills.remove(fill);
    --order.strategy->fill_count;
    order.instrument->fills.remove(fill);
    --order.instrument->fill_count;
    fill_pool_.give_back(fill);
    fill = next;
  }
  order.strategy->orders.remove(&order);
  --order.strategy->order_count;
  Instrument& instrument = *order.instrument;
  instrument.orders.remove(&order);
  if (--instrument.order_count == 0 && !instrument.is_listed) abandoned_.push_back(&instrument);
  if (order.group != nullptr) leave_group(order);
  index_.erase(&order);
  orders_.remove(order);
  if (order.trail != nullptr) trail_pool_.give_back(order.trail);
  order_pool_.give_back(&order);
}

}  // namespace alphaforge::execution
