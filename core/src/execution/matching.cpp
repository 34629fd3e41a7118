#include <algorithm>
#include <limits>

#include "execution/venue.hpp"

// A print meets the orders of its symbol.

namespace alphaforge::execution {

namespace {

constexpr std::int64_t kTimeMax = std::numeric_limits<std::int64_t>::max() - kDayNs;

std::optional<Reason> refusal_of(const Print& print) {
  Value value;
  if (print.price.mantissa <= 0) return Reason::PRICE_NOT_POSITIVE;
  if (print.quantity.mantissa <= 0) return Reason::QUANTITY_NOT_POSITIVE;
  if (print.ts_event < 0 || print.ts_event > kTimeMax) return Reason::TIME_OUT_OF_RANGE;
  if (!multiply(print.price, print.quantity, value)) return Reason::VALUE_OVERFLOW;
  return std::nullopt;
}

// A print beyond the limit reaches it whoever was the aggressor; at the limit, only if nobody of the order's own side was
// ahead of it to be taken (rule 3.7).
bool reaches(Price print, AggressorSide aggressor, OrderSide side, Price limit) {
  if (print == limit) return aggressor != (side == OrderSide::kBuy ? AggressorSide::kBuy : AggressorSide::kSell);
  return side == OrderSide::kBuy ? print < limit : print > limit;
}

}  // namespace

PrintResult Venue::process(const Print& print, std::int64_t now_ns) {
  now_ns_ = now_ns;
  Instrument* instrument = nullptr;
  return process(instrument, print);
}

BatchResult Venue::process(const TradeTickBatch& batch, std::int64_t now_ns) {
  now_ns_ = now_ns;
  BatchResult result;
  std::vector<Instrument*> instruments(batch.instrument_ids.size(), nullptr);
  for (std::size_t row = 0; row < batch.size(); ++row) {
    const std::size_t at = batch.instrument_of(row);
    const Print print{batch.instrument_ids[at],    {batch.prices[row]},     {batch.quantity_of(row)},
                      batch.side_of(row),          batch.trade_id_of(row), batch.ts_event[row]};
    const PrintResult one = process(instruments[at], print);
    if (one.refusal) result.rejected.emplace_back(row, *one.refusal);
    if (one.is_duplicate) result.duplicates.push_back(row);
  }
  return result;
}

// `instrument` is looked up, and added, where it is not known yet.
PrintResult Venue::process(Instrument*& instrument, const Print& print) {
  std::optional<Reason> refusal = refusal_of(print);
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
  instrument->market_time = std::max(instrument->market_time, print.ts_event);
  market_time_ = std::max(market_time_, print.ts_event);
  instrument->has_price = true;
  instrument->last_price = print.price;
  instrument->last_ts_event = print.ts_event;
  instrument->last_trade_id = print.trade_id;
  instrument->buy_pool = instrument->sell_pool = print.quantity;
  ts_event_ = print.ts_event;
  print_at_work_ = true;
  match(*instrument, print.aggressor_side);
  print_at_work_ = false;
  return {};
}

// Whether one of the instrument's last prints with an id was the same; if not, this one is remembered (rule 2.9).
bool Venue::is_duplicate(Instrument& instrument, const Print& print) {
  if (print.trade_id.empty() || config_.duplicate_window == 0) return false;
  const std::uint64_t fingerprint = fingerprint_of(print.trade_id, print.ts_event, print.price, print.quantity);
  if (instrument.seen.contains(fingerprint)) return true;
  while (instrument.seen.size() >= static_cast<std::size_t>(config_.duplicate_window)) {
    instrument.seen.pop_oldest();
    duplicates_.removed(instrument.index, 1, false);
  }
  instrument.seen.push(fingerprint);
  instrument.last_id_at = ++ids_seen_;
  duplicates_.added(instrument.index);
  while (duplicates_.exceeded()) {
    Instrument& idle = *instruments_by_index_[duplicates_.longest_idle()];
    idle.seen.pop_oldest();
    duplicates_.removed(idle.index, 1, idle.seen.size() == 0);
  }
  return false;
}

// rule 3.6, step by step.
void Venue::match(Instrument& instrument, AggressorSide aggressor) {
  // (i) DAY orders whose midnight market time has reached.
  if (!instrument.undated_orders.empty()) date_day_orders(instrument, instrument.last_ts_event);
  if (!instrument.day_orders.empty()) {
    std::vector<OrderRecord*> expired;
    collect_expired(instrument, expired);
    expire(expired);
  }
  // (ii) Waiting market orders and triggered stops, at the print's price.
  fill_waiting(instrument);
  // (iii) Resting limits that the print reaches, at their own limit.
  fill_resting(instrument, instrument.bids, OrderSide::kBuy, aggressor);
  fill_resting(instrument, instrument.asks, OrderSide::kSell, aggressor);
  // (iv) Arrivals that were put off until this print; then the stops it hits, each of which arrives.
  arrive_deferred(instrument);
  trigger_stops(instrument.buy_stops);
  trigger_stops(instrument.sell_stops);
}

void Venue::fill_waiting(Instrument& instrument) {
  const bool unlimited = config_.liquidity == Liquidity::kUnlimited;
  for (;;) {
    OrderRecord* buy = instrument.buy_pool.mantissa > 0 ? instrument.waiting_buys.front() : nullptr;
    OrderRecord* sell = instrument.sell_pool.mantissa > 0 ? instrument.waiting_sells.front() : nullptr;
    OrderRecord* next = buy == nullptr || (sell != nullptr && sell->priority < buy->priority) ? sell : buy;
    if (next == nullptr) return;
    const int128 pool = (next == buy ? instrument.buy_pool : instrument.sell_pool).mantissa;
    fill(*next, taker_price(*next), unlimited ? next->leaves() : std::min(next->leaves(), pool), LiquiditySide::kTaker);
  }
}

template <class Levels>
void Venue::fill_resting(const Instrument& instrument, Levels& levels, OrderSide side, AggressorSide aggressor) {
  const bool unlimited = config_.liquidity == Liquidity::kUnlimited;
  const Quantity& pool = side == OrderSide::kBuy ? instrument.buy_pool : instrument.sell_pool;
  while (!levels.empty() && pool.mantissa > 0 && reaches(instrument.last_price, aggressor, side, levels.best_price())) {
    OrderRecord& order = *levels.front();
    fill(order, order.terms.price, unlimited ? order.leaves() : std::min(order.leaves(), pool.mantissa),
         LiquiditySide::kMaker);
  }
}

// Orders that arrive during this step (there are none but triggered stops, later) wait for the print after it.
void Venue::arrive_deferred(Instrument& instrument) {
  while (OrderRecord* order = instrument.arriving.front()) {
    leave_place(*order);
    meet_market(*order);
  }
}

template <class Levels>
void Venue::trigger_stops(Levels& levels) {
  while (!levels.empty() && is_through(*levels.front())) trigger(*levels.front());
}

}  // namespace alphaforge::execution
