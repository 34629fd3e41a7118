#include <algorithm>

#include "execution/venue.hpp"

// What the venue shows: values that nothing changes afterwards.

namespace alphaforge::execution {

namespace {

std::optional<Price> quotient(int128 value, int128 quantity) {
  return quantity == 0 ? std::nullopt : std::optional<Price>(price_of(divide_half_even(value, quantity)));
}

std::optional<Price> price_of_terms(bool has_one, Price price) {
  return has_one ? std::optional<Price>(price) : std::nullopt;
}

Fill show(const FillRecord& record) {
  const OrderRecord& order = *record.order;
  return {std::string(order.id.view()), order.instrument->id, order.strategy->id, order.side,
          record.number,                record.price,         record.quantity,    record.commission,
          record.liquidity_side,        record.trade_id,      record.ts_event,    record.sequence};
}

// The order with `terms`, and without what became of it.
Order show_as_submitted(const OrderRecord& record, const Terms& terms) {
  Order order;
  order.order_id = record.id.view();
  order.symbol = record.instrument->id;
  order.strategy_id = record.strategy->id;
  order.side = record.side;
  order.type = record.type;
  order.time_in_force = record.time_in_force;
  order.post_only = record.post_only;
  order.quantity = terms.quantity;
  order.price = price_of_terms(record.has_limit(), terms.price);
  order.stop_price = price_of_terms(record.is_stop(), terms.stop_price);
  order.created_at = record.created_at;
  return order;
}

Order show(const OrderRecord& record, bool with_fills) {
  Order order = show_as_submitted(record, record.terms);
  order.status = record.status;
  order.reject_reason = record.reject_reason;
  order.cancel_reason = record.cancel_reason;
  order.filled_quantity = record.filled_quantity;
  order.avg_fill_price = quotient(record.filled_value.mantissa, record.filled_quantity.mantissa);
  order.commission = record.commission;
  order.submitted_at = record.submitted_at;
  order.updated_at = record.updated_at;
  if (record.is_triggered()) order.triggered_at = record.triggered_at;
  if (record.last_fill != nullptr) order.fill_count = record.last_fill->number;
  if (with_fills)
    for (const FillRecord* fill = record.first_fill; fill != nullptr; fill = fill->next_of_order)
      order.fills.push_back(show(*fill));
  return order;
}

OrderEvent show(const EventRecord& record, std::int64_t sequence) {
  const OrderRecord& order = *record.order;
  OrderEvent event;
  event.sequence = sequence;
  event.type = record.type;
  event.order_id = order.id.view();
  event.symbol = order.instrument->id;
  event.strategy_id = order.strategy->id;
  event.ts_event = record.ts_event;
  event.status = record.status;
  event.filled_quantity = record.filled_quantity;
  event.leaves_quantity = {record.terms.quantity.mantissa - record.filled_quantity.mantissa};
  if (record.type == OrderEventType::kModified) {
    event.quantity = record.terms.quantity;
    event.price = price_of_terms(order.has_limit(), record.terms.price);
    event.stop_price = price_of_terms(order.is_stop(), record.terms.stop_price);
  }
  if (record.type == OrderEventType::kRejected) event.reject_reason = order.reject_reason;
  if (record.type == OrderEventType::kCancelled) event.cancel_reason = order.cancel_reason;
  if (record.type == OrderEventType::kSubmitted || record.type == OrderEventType::kRejected)
    event.order = show_as_submitted(order, order.submitted_terms);
  if (record.fill != nullptr) event.fill = show(*record.fill);
  return event;
}

bool matches(const Filter& filter, const OrderRecord& order) {
  return (!filter.strategy_id || order.strategy->id == *filter.strategy_id) &&
         (!filter.symbol || order.instrument->id == *filter.symbol) &&
         (filter.statuses.empty() || std::ranges::find(filter.statuses, order.status) != filter.statuses.end());
}

[[noreturn]] void unknown_page(const std::string& after) {
  throw InvalidArgument(Reason::PAGE_TOKEN_INVALID, "the page after " + after + " can't be given: it is not, or no longer, known");
}

}  // namespace

std::optional<Order> Venue::order(std::string_view order_id) const {
  const OrderRecord* found = ledger_.find(order_id);
  return found == nullptr ? std::nullopt : std::optional<Order>(show(*found, true));
}

std::vector<Order> Venue::orders(const Filter& filter) const {
  const OrderRecord* order = ledger_.orders().front();
  if (!filter.after.empty()) {
    const OrderRecord* last = ledger_.find(filter.after);
    if (last == nullptr) unknown_page(filter.after);
    order = OrderHistory::next(last);
  }
  std::vector<Order> found;
  for (; order != nullptr && found.size() < filter.limit; order = OrderHistory::next(order))
    if (matches(filter, *order)) found.push_back(show(*order, filter.with_fills));
  return found;
}

std::vector<Order> Venue::active_orders(std::string_view strategy_id) const {
  std::vector<Order> found;
  const auto strategy = strategies_.find(strategy_id);
  if (strategy == strategies_.end()) return found;
  found.reserve(static_cast<std::size_t>(strategy->second->open_count));
  for (const OrderRecord* order = strategy->second->open.front(); order != nullptr; order = OpenQueue::next(order))
    found.push_back(show(*order, true));
  return found;
}

const FillRecord* Venue::find_fill(const std::string& fill_id) const {
  const std::size_t dash = fill_id.rfind('-');
  if (dash == std::string::npos) unknown_page(fill_id);
  const OrderRecord* order = ledger_.find(std::string_view(fill_id).substr(0, dash));
  const FillRecord* fill = order == nullptr ? nullptr : order->first_fill;
  while (fill != nullptr && std::to_string(fill->number) != fill_id.substr(dash + 1)) fill = fill->next_of_order;
  if (fill == nullptr) unknown_page(fill_id);
  return fill;
}

std::vector<Fill> Venue::fills(const Filter& filter) const {
  std::vector<Fill> found;
  const FillRecord* after = filter.after.empty() ? nullptr : find_fill(filter.after);
  if (filter.order_id) {
    const OrderRecord* order = ledger_.find(*filter.order_id);
    if (order == nullptr || !matches(filter, *order)) return found;
    const FillRecord* fill = after == nullptr ? order->first_fill : after->next_of_order;
    for (; fill != nullptr && found.size() < filter.limit; fill = fill->next_of_order) found.push_back(show(*fill));
    return found;
  }
  const FillRecord* fill = after == nullptr ? ledger_.fills().front() : FillHistory::next(after);
  for (; fill != nullptr && found.size() < filter.limit; fill = FillHistory::next(fill))
    if (matches(filter, *fill->order)) found.push_back(show(*fill));
  return found;
}

std::vector<Position> Venue::positions(const Filter& filter) const {
  std::vector<Position> found;
  for (const auto& [id, strategy] : strategies_) {
    if (filter.strategy_id && id != *filter.strategy_id) continue;
    for (const auto& [instrument, record] : strategy->positions) {
      if (filter.symbol && instrument->id != *filter.symbol) continue;
      // A position is made by a fill, so its instrument has a last price. What does not fit shows as 0.
      const Value unrealized = unrealized_pnl(record, instrument->last_price).value_or(Value{});
      const int128 cost = record.net_quantity < 0 ? -record.cost.mantissa : record.cost.mantissa;
      found.push_back({strategy->id, instrument->id, record.net_quantity, quotient(cost, record.net_quantity), {cost},
                       record.realized_pnl, unrealized, record.commission, instrument->last_price});
    }
  }
  std::ranges::sort(found, [](const Position& a, const Position& b) {
    return std::tie(a.strategy_id, a.symbol) < std::tie(b.strategy_id, b.symbol);
  });
  if (found.size() > filter.limit) found.resize(filter.limit);
  return found;
}

std::vector<OrderEvent> Venue::events(std::int64_t from_sequence, std::size_t limit,
                                      std::optional<std::string_view> strategy_id) const {
  std::vector<OrderEvent> found;
  std::int64_t sequence = std::max(from_sequence, events_.first_sequence());
  for (; sequence <= events_.last_sequence() && found.size() < limit; ++sequence) {
    const EventRecord& event = events_[sequence];
    if (!strategy_id || event.order->strategy->id == *strategy_id) found.push_back(show(event, sequence));
  }
  return found;
}

ExecutionStatistics Venue::statistics() const {
  const auto real = [](int128 mantissa, int places) { return to_double(mantissa, places); };
  ExecutionStatistics statistics = counts_;
  statistics.instruments = static_cast<std::int64_t>(instruments_.size());
  statistics.strategies = static_cast<std::int64_t>(strategies_.size());
  statistics.orders_kept = ledger_.size();
  statistics.events_kept = events_.size();
  statistics.memory_usage_bytes = static_cast<std::int64_t>(ledger_.bytes() + events_.bytes());
  if (counts_.orders_submitted > 0)
    statistics.fill_ratio = static_cast<double>(counts_.orders_filled) / static_cast<double>(counts_.orders_submitted);
  statistics.total_volume = real(total_volume_.mantissa, kPlaces);
  statistics.total_notional = real(total_notional_.mantissa, kValuePlaces);
  statistics.total_commission = real(total_commission_.mantissa, kValuePlaces);
  return statistics;
}

}  // namespace alphaforge::execution
