#include "execution/ledger.hpp"

#include <algorithm>

#include "execution/instrument.hpp"

namespace alphaforge::execution {

OrderRecord& Ledger::add(const Order& order, Instrument& instrument, Strategy& strategy, std::int64_t now_ns) {
  OrderRecord& record = add(order.order_id, instrument, strategy, last_number_ + 1);
  record.side = order.side;
  record.type = order.type;
  record.time_in_force = order.time_in_force;
  record.post_only = order.post_only;
  record.terms = {order.quantity, order.price.value_or(Price{}), order.stop_price.value_or(Price{})};
  record.submitted_terms = record.terms;
  record.created_at = order.created_at;
  record.submitted_at = now_ns;
  record.updated_at = now_ns;
  return record;
}

OrderRecord& Ledger::add(std::string_view order_id, Instrument& instrument, Strategy& strategy, std::int64_t number) {
  OrderRecord& record = *order_pool_.take();
  record.id = OrderId(order_id);
  record.number = last_number_ = number;
  record.instrument = &instrument;
  record.strategy = &strategy;
  ++instrument.order_count;
  index_.insert(&record);
  orders_.push_back(&record);
  return record;
}

FillRecord& Ledger::add_fill(OrderRecord& order) {
  FillRecord& fill = *fill_pool_.take();
  fill.order = &order;
  fill.number = order.last_fill == nullptr ? 1 : order.last_fill->number + 1;
  (order.last_fill == nullptr ? order.first_fill : order.last_fill->next_of_order) = &fill;
  order.last_fill = &fill;
  fills_.push_back(&fill);
  ++fill_count_;
  return fill;
}

void Ledger::finish(OrderRecord& order) {
  final_.push_back(&order);
  ++final_count_;
}

void Ledger::forget(EventLog& events, std::int64_t now_ns) {
  while (final_count_ > 0) {
    OrderRecord& oldest = *final_.front();
    if (final_count_ <= final_orders_max_ && now_ns - oldest.updated_at <= retention_ns_) return;
    // The last event of a final order is the one that made it final: the log loses no event of an order still known.
    events.drop_through(oldest.last_event);
    youngest_forgotten_ = std::max(youngest_forgotten_, oldest.created_at);
    final_.pop_front();
    --final_count_;
    release(oldest);
  }
}

void Ledger::release(OrderRecord& order) {
  for (FillRecord* fill = order.first_fill; fill != nullptr;) {
    FillRecord* next = fill->next_of_order;
    fills_.remove(fill);
    --fill_count_;
    fill_pool_.give_back(fill);
    fill = next;
  }
  Instrument& instrument = *order.instrument;
  if (--instrument.order_count == 0 && !instrument.is_listed) abandoned_.push_back(&instrument);
  index_.erase(&order);
  orders_.remove(&order);
  order_pool_.give_back(&order);
}

}  // namespace alphaforge::execution
