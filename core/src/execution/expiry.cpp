#include <algorithm>
#include <limits>

#include "execution/venue.hpp"

// DAY orders: an instrument keeps them by midnight, since market time never goes back, so that expiry scans nothing.

namespace alphaforge::execution {

namespace {

std::int64_t next_midnight(std::int64_t market_time) { return (market_time / kDayNs + 1) * kDayNs; }

}  // namespace

void Venue::enter_day(OrderRecord& order) {
  const std::int64_t now = market_time(*order.instrument);
  order.expires_at = now == kNever ? kNever : next_midnight(now);
  (now == kNever ? order.instrument->undated_orders : order.instrument->day_orders).push_back(&order);
}

void Venue::leave_day(OrderRecord& order) {
  (order.expires_at == kNever ? order.instrument->undated_orders : order.instrument->day_orders).remove(&order);
}

// The first print gives the undated orders their day, which may lie before or after that of orders since advance_time.
void Venue::date_day_orders(Instrument& instrument, std::int64_t first_ts_event) {
  std::vector<OrderRecord*> orders;
  while (!instrument.undated_orders.empty()) {
    orders.push_back(instrument.undated_orders.pop_front());
    orders.back()->expires_at = next_midnight(first_ts_event);
  }
  while (!instrument.day_orders.empty()) orders.push_back(instrument.day_orders.pop_front());
  std::ranges::stable_sort(orders, {}, &OrderRecord::expires_at);
  for (OrderRecord* order : orders) instrument.day_orders.push_back(order);
}

void Venue::collect_expired(Instrument& instrument, std::vector<OrderRecord*>& expired) {
  const std::int64_t now = market_time(instrument);
  OrderRecord* order = instrument.day_orders.front();
  for (; order != nullptr && order->expires_at <= now; order = DayQueue::next(order)) expired.push_back(order);
}

void Venue::expire(std::vector<OrderRecord*>& expired) {
  std::ranges::sort(expired, {}, &OrderRecord::priority);
  for (OrderRecord* order : expired) cancel(*order, CancelReason::kDayExpired);
}

void Venue::advance_time(std::int64_t market_time, std::int64_t now_ns) {
  if (market_time < 0 || market_time > std::numeric_limits<std::int64_t>::max() - kDayNs)
    throw InvalidArgument(Reason::TIME_OUT_OF_RANGE,
                          "now_ns must be nanoseconds since 1970, not " + std::to_string(market_time));
  if (market_time <= advanced_to_) return;
  advanced_to_ = market_time;
  market_time_ = std::max(market_time_, market_time);
  now_ns_ = now_ns;
  ts_event_ = market_time;
  std::vector<OrderRecord*> expired;
  for (const auto& [id, instrument] : instruments_) collect_expired(*instrument, expired);
  expire(expired);
}

}  // namespace alphaforge::execution
