#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "execution/checkpoint.hpp"
#include "execution/config.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/duplicate_window.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/time_guard.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

// Applies a tick to the orders of its symbol.

namespace alphaforge::execution {

namespace {

std::optional<Reason> refusal_of(const Print& print, bool negative_prices, std::int64_t latest) {
  Value value;
  if (!is_tradable(print.price, negative_prices)) return Reason::PRICE_NOT_POSITIVE;
  if (print.quantity.mantissa <= 0) return Reason::QUANTITY_NOT_POSITIVE;
  if (!is_time(print.ts_event)) return Reason::TIME_OUT_OF_RANGE;
  if (print.ts_event > latest) return Reason::TIME_AHEAD;
  if (!multiply(print.price, print.quantity, value)) return Reason::VALUE_OVERFLOW;
  return std::nullopt;
}

// A tick beyond the limit reaches it, whichever side was the aggressor; a tick at the limit only if the aggressor was
// the other side or NONE (rule 3.7).
bool reaches(Price print, AggressorSide aggressor, OrderSide side, Price limit) {
  if (print == limit) return aggressor != (side == OrderSide::kBuy ? AggressorSide::kBuy : AggressorSide::kSell);
  return side == OrderSide::kBuy ? print < limit : print > limit;
}

}  // namespace

PrintResult Venue::process(const Print& print, std::int64_t now_ns) {
  now_ns_ = now_ns;
  Instrument* instrument = nullptr;
  return process(instrument, print, latest_time(now_ns, config_.max_time_jump_ns));
}

void Venue::process(const TradeTickBatch& batch, std::size_t begin, std::size_t end, BatchProgress& progress,
                    std::int64_t now_ns) {
  now_ns_ = now_ns;
  const std::int64_t latest = progress.is_judged ? kNever : latest_time(now_ns, config_.max_time_jump_ns);
  for (std::size_t row = begin; row < end; ++row) {
    const std::size_t at = batch.instrument_of(row);
    const Print print{batch.instrument_ids[at], {batch.prices[row]},    {batch.quantity_of(row)},
                      batch.side_of(row),       batch.trade_id_of(row), batch.ts_event[row]};
    const PrintResult one = process(progress.instruments[at], print, latest);
    if (one.refusal) progress.result.rejected.emplace_back(row, *one.refusal);
    if (one.is_duplicate) progress.result.duplicates.push_back(row);
  }
}

// `instrument` is looked up, or added, if null. A print later than `latest` is refused.
PrintResult Venue::process(Instrument*& instrument, const Print& print, std::int64_t latest) {
  const bool negative_prices = print.price.mantissa <= 0 && takes_negative_prices(print.instrument_id);
  std::optional<Reason> refusal = refusal_of(print, negative_prices, latest);
  if (!refusal && instrument == nullptr) {
    instrument = find_instrument(print.instrument_id);
    if (instrument == nullptr && static_cast<std::int64_t>(instruments_.size()) >= config_.max_instruments)
      refusal = Reason::INSTRUMENT_LIMIT;
    else if (instrument == nullptr)
      instrument = &add_instrument(print.instrument_id);
  }
  if (refusal) {
    ++counts_.ticks_rejected;
    return {refusal};
  }
  if (is_duplicate(*instrument, print)) {
    ++counts_.duplicate_ticks;
    return {std::nullopt, true};
  }
  ++counts_.ticks_processed;
  touch(*instrument);
  instrument->market_time = std::max(instrument->market_time, print.ts_event);
  market_time_ = std::max(market_time_, print.ts_event);
  instrument->has_price = true;
  instrument->last_price = print.price;
  instrument->last_ts_event = print.ts_event;
  instrument->last_trade_id = print.trade_id;
  instrument->buy_pool = instrument->sell_pool = print.quantity;
  ts_event_ = print.ts_event;
  in_print_ = true;
  match(*instrument, print.aggressor_side);
  in_print_ = false;
  if (instrument->is_held) [[unlikely]]
    mark_holders(*instrument);
  return {};
}

// Whether one of the instrument's last prints with an id was the same; if not, this one is remembered (rule 2.9).
bool Venue::is_duplicate(Instrument& instrument, const Print& print) {
  if (print.trade_id.empty() || config_.duplicate_window == 0) return false;
  const std::uint64_t fingerprint = fingerprint_of(print.trade_id, print.ts_event, print.price, print.quantity);
  if (instrument.seen.contains(fingerprint)) return true;
  while (instrument.seen.size() >= static_cast<std::size_t>(config_.duplicate_window)) {
    pop_oldest(instrument);
    duplicates_.removed(instrument.index, 1, false);
  }
  touch(instrument);
  instrument.seen.push(fingerprint);
  instrument.last_id_at = ++ids_seen_;
  duplicates_.added(instrument.index);
  while (duplicates_.exceeded()) {
    Instrument& idle = *instruments_by_index_[duplicates_.longest_idle()];
    pop_oldest(idle);
    duplicates_.removed(idle.index, 1, idle.seen.size() == 0);
  }
  return false;
}

void Venue::pop_oldest(Instrument& instrument) {
  if (checkpoint_.get() != nullptr) checkpoint_.get()->before_pop(instrument);
  instrument.seen.pop_oldest();
}

// rule 3.6, step by step.
void Venue::match(Instrument& instrument, AggressorSide aggressor) {
  const bool releases = instrument.is_due;
  if (releases) [[unlikely]]
    begin_releases(instrument);
  // (i) DAY and GTD orders whose time has come.
  if (!instrument.undated_orders.empty()) date_day_orders(instrument, instrument.last_ts_event);
  if (!instrument.day_orders.empty() || !instrument.dated_orders.empty()) {
    std::vector<OrderRecord*> expired;
    collect_expired(instrument, expired);
    expire(expired);
  }
  // (ii) Waiting market orders and triggered stops, at the print's price.
  if (!instrument.waiting_buys.empty() || !instrument.waiting_sells.empty()) fill_waiting(instrument);
  // (iii) Resting limits that the print reaches, at their own limit. Nearly all prints reach none: that is seen here.
  const auto is_reached = [&](const auto& levels, OrderSide side) {
    return !levels.empty() && reaches(instrument.last_price, aggressor, side, levels.best_price());
  };
  if (is_reached(instrument.bids, OrderSide::kBuy))
    fill_resting(instrument, instrument.bids, OrderSide::kBuy, aggressor);
  if (is_reached(instrument.asks, OrderSide::kSell))
    fill_resting(instrument, instrument.asks, OrderSide::kSell, aggressor);
  // (iv) Arrivals deferred to this tick, then children; then the stops it hits, each of which arrives.
  if (!instrument.arriving.empty()) arrive_deferred(instrument);
  if (releases) [[unlikely]]
    release_due(instrument);
  const Trailing* const trailing = instrument.trailing.get();
  if (trailing != nullptr) [[unlikely]]
    follow(instrument);
  if (trailing != nullptr || !instrument.buy_stops.empty())
    trigger_stops(instrument, instrument.buy_stops, trailing == nullptr ? nullptr : &trailing->buys);
  if (trailing != nullptr || !instrument.sell_stops.empty())
    trigger_stops(instrument, instrument.sell_stops, trailing == nullptr ? nullptr : &trailing->sells);
}

void Venue::fill_waiting(Instrument& instrument) {
  const bool unlimited = config_.liquidity == Liquidity::kUnlimited;
  for (;;) {
    OrderRecord* buy = instrument.buy_pool.mantissa > 0 ? instrument.waiting_buys.front() : nullptr;
    OrderRecord* sell = instrument.sell_pool.mantissa > 0 ? instrument.waiting_sells.front() : nullptr;
    OrderRecord* next = buy == nullptr || (sell != nullptr && sell->priority < buy->priority) ? sell : buy;
    if (next == nullptr) return;
    const int128 pool = (next == buy ? instrument.buy_pool : instrument.sell_pool).mantissa;
    fill(*next, taker_price(*next), unlimited ? fillable(*next) : std::min(fillable(*next), pool),
         LiquiditySide::kTaker);
  }
}

template <class Levels>
void Venue::fill_resting(const Instrument& instrument, Levels& levels, OrderSide side, AggressorSide aggressor) {
  const bool unlimited = config_.liquidity == Liquidity::kUnlimited;
  const Quantity& pool = side == OrderSide::kBuy ? instrument.buy_pool : instrument.sell_pool;
  while (!levels.empty() && pool.mantissa > 0 && reaches(instrument.last_price, aggressor, side, levels.best_price())) {
    OrderRecord& order = *levels.front();
    fill(order, order.terms.price, unlimited ? fillable(order) : std::min(fillable(order), pool.mantissa),
         LiquiditySide::kMaker);
  }
}

// Orders that arrive during this step wait for the next tick.
void Venue::arrive_deferred(Instrument& instrument) {
  while (OrderRecord* order = instrument.arriving.front()) {
    unlink(*order);
    meet_market(*order);
  }
}

template <class Levels>
void Venue::trigger_stops(const Instrument& instrument, Levels& levels, const TrailingStops* trailing) {
  if (trailing != nullptr && trailing->are_hit(instrument.last_price))
    return trigger_in_turn(instrument, levels, *trailing);
  while (!levels.empty() && is_through(*levels.front())) trigger(*levels.front());
}

// If the tick also hits trailing stops, all stops that it hits trigger by stop price, then by priority.
template <class Levels>
void Venue::trigger_in_turn(const Instrument& instrument, const Levels& levels, const TrailingStops& trailing) {
  const Price last = instrument.last_price;
  std::vector<std::tuple<int128, std::uint64_t, OrderRecord*>> hits;
  trailing.each_hit(last, [&](OrderRecord& order, int128 key) { hits.emplace_back(key, order.priority, &order); });
  levels.each_until([&](Price stop, const Queue& queue) {
    if (!is_through(*queue.front())) return false;
    for (OrderRecord* order = queue.front(); order != nullptr; order = Queue::next(order))
      hits.emplace_back(order->is_buy() ? int128{stop.mantissa} : -int128{stop.mantissa}, order->priority, order);
    return true;
  });
  std::ranges::sort(hits);
  for (const auto& [key, priority, order] : hits)
    if (order->place == Place::kStops || order->place == Place::kTrailing) trigger(*order);
}

}  // namespace alphaforge::execution
