#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/reason.hpp"
#include "base/time.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "execution/venue.hpp"
#include "model/grid.hpp"
#include "model/order.hpp"
#include "model/time_guard.hpp"

// DAY and GTD orders: each instrument keeps them by the time at which they expire, so that expiry needs no scan. DAY
// orders are in a queue, since market time never goes back; GTD orders may have any time, and are in a map.

namespace alphaforge::execution {

namespace {

// Where the day of a DAY order ends: strictly after that market time, unless the calendar doesn't cover it.
std::int64_t end_of_day(const Instrument& instrument, std::int64_t market_time) {
  if (instrument.calendar != nullptr) [[unlikely]]
    return instrument.calendar->covers(market_time) ? instrument.calendar->next_close(market_time) : market_time;
  if (instrument.days != nullptr) [[unlikely]]
    return instrument.days->span_of(market_time).end;
  return (market_time / kDayNs + 1) * kDayNs;
}

void add_by_date(Instrument& instrument, OrderRecord& order) {
  order.is_dated = true;
  instrument.dated_orders[order.expires_at].push_back(&order);
}

// Market time never goes back, so a new order comes last, unless its instrument's sessions have been changed.
void add_by_day(Instrument& instrument, OrderRecord& order) {
  const OrderRecord* const last = instrument.day_orders.back();
  if (last != nullptr && last->expires_at > order.expires_at) [[unlikely]]
    return add_by_date(instrument, order);
  instrument.day_orders.push_back(&order);
}

}  // namespace

bool Venue::knows_day(const Instrument& instrument) const {
  const std::int64_t now = market_time(instrument);
  return instrument.calendar == nullptr || now == kNoTime || instrument.calendar->covers(now);
}

void Venue::enter_expiry(OrderRecord& order) {
  if (order.time_in_force == TimeInForce::kGoodTillDate) return add_by_date(*order.instrument, order);
  const std::int64_t now = market_time(*order.instrument);
  if (now == kNoTime) {
    order.expires_at = kNoTime;
    return order.instrument->undated_orders.push_back(&order);
  }
  order.expires_at = end_of_day(*order.instrument, now);
  add_by_day(*order.instrument, order);
}

void Venue::leave_expiry(OrderRecord& order) {
  if (order.is_dated) {
    const auto date = order.instrument->dated_orders.find(order.expires_at);
    date->second.remove(&order);
    if (date->second.empty()) order.instrument->dated_orders.erase(date);
    return;
  }
  (order.expires_at == kNoTime ? order.instrument->undated_orders : order.instrument->day_orders).remove(&order);
}

// The first tick determines the day of undated orders. It may be before or after the day of orders submitted since a
// call of advance_time.
void Venue::date_day_orders(Instrument& instrument, std::int64_t first_ts_event) {
  std::vector<OrderRecord*> orders;
  while (!instrument.undated_orders.empty()) {
    touch(*instrument.undated_orders.front());
    orders.push_back(instrument.undated_orders.pop_front());
    orders.back()->expires_at = end_of_day(instrument, first_ts_event);
  }
  while (!instrument.day_orders.empty()) orders.push_back(instrument.day_orders.pop_front());
  std::ranges::stable_sort(orders, {}, &OrderRecord::expires_at);
  for (OrderRecord* order : orders) instrument.day_orders.push_back(order);
}

void Venue::collect_expired(Instrument& instrument, std::vector<OrderRecord*>& expired) {
  const std::int64_t now = market_time(instrument);
  OrderRecord* order = instrument.day_orders.front();
  for (; order != nullptr && order->expires_at <= now; order = DayQueue::next(order)) expired.push_back(order);
  for (const auto& [time, orders] : instrument.dated_orders) {
    if (time > now) break;
    for (order = orders.front(); order != nullptr; order = DayQueue::next(order)) expired.push_back(order);
  }
}

void Venue::expire(std::vector<OrderRecord*>& expired) {
  std::ranges::sort(expired, {}, &OrderRecord::priority);
  for (OrderRecord* order : expired) {
    if (is_final(order->status)) continue;  // ended with another one of its group
    const bool is_day = order->time_in_force == TimeInForce::kDay;
    cancel(*order, is_day ? CancelReason::kDayExpired : CancelReason::kDateExpired);
  }
}

void Venue::advance_time(std::int64_t market_time, std::int64_t now_ns) {
  if (!is_time(market_time))
    throw InvalidArgument(Reason::TIME_OUT_OF_RANGE,
                          "now_ns must be nanoseconds since 1970, not " + std::to_string(market_time));
  if (market_time > latest_time(now_ns, config_.max_time_jump_ns))
    throw InvalidArgument(Reason::TIME_AHEAD, "now_ns " + std::to_string(market_time) + " is " +
                                                  std::to_string(market_time - now_ns) +
                                                  " ns after the call was received; max_time_jump_ns allows " +
                                                  std::to_string(config_.max_time_jump_ns) + " (0: no limit)");
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
