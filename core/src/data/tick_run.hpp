#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "data/open_bar.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

// The limits within which an instrument's ticks close no bar.
struct Room {
  std::int64_t ticks = 0;     // the number that may join
  std::int64_t quantity = 0;  // their sum stays below it
  uint128 value = 0;          // the same
};

// The aggregate of an instrument's last ticks that were in order and closed no bar, which are nearly all. They affect
// every open bar like one tick with these sums and extremes, so they are applied only when a bar closes or is read
// (Instrument::flush_pending), and a tick costs the same with any number of bar types.
//
// The data that a tick needs are in two cache lines, stored contiguously for all instruments (InstrumentBook).
class alignas(64) TickRun {
 public:
  // Opens an empty run for ticks from `ts_first` to before `ts_end`.
  void open(std::int64_t ts_first, std::int64_t ts_end, const Room& room) {
    *this = TickRun();
    ts_last_ = ts_first;
    ts_end_ = ts_end;
    room_ = room;
  }
  // Closes the run: no tick is accepted until it is opened again.
  void close() { *this = TickRun(); }
  bool empty() const { return high_ < low_; }

  // Adds a tick; returns false and does nothing if it is before `clock` or needs the slow path: it is refused, late or
  // unusually large, or closes a bar.
  bool join(const Print& print, std::int64_t clock);
  // Adds ticks from `row` to before `end`, until one can't be added; returns how many.
  std::size_t join(const TradeTickBatch::Columns& ticks, std::size_t row, std::size_t end, std::int64_t clock);

  // Prefetches what a tick needs.
  void prefetch() const {
    __builtin_prefetch(&ts_last_, 1);
    __builtin_prefetch(&ts_first_, 1);
  }

  // Of its ticks.
  std::int64_t first_price() const { return first_price_; }
  std::int64_t last_price() const { return last_price_; }
  std::int64_t high() const { return high_; }
  std::int64_t low() const { return low_; }
  std::int64_t ts_first() const { return ts_first_; }
  std::int64_t ts_last() const { return ts_last_; }
  std::int64_t ts_init() const { return ts_init_; }  // the greatest
  // The sums of its ticks, given the room that the run was opened with.
  Sums sums(const Room& at_open) const;

 private:
  std::int64_t ts_last_ = kNever;
  std::int64_t ts_end_ = kNoTime;
  Room room_;
  std::int64_t high_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t low_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t ts_init_ = kNoTime;
  std::int64_t last_price_ = 0;
  std::int64_t buy_quantity_ = 0;
  std::int64_t sell_quantity_ = 0;
  std::int64_t first_price_ = 0;
  std::int64_t ts_first_ = 0;
};
static_assert(sizeof(TickRun) == 128);

[[gnu::always_inline]] inline bool TickRun::join(const Print& print, std::int64_t clock) {
  if (print.ts_event < ts_last_ || print.ts_event < clock || print.ts_event >= ts_end_ || print.price <= 0)
    return false;
  if (print.quantity <= 0 || print.quantity >= room_.quantity) return false;
  const auto value = static_cast<uint128>(print.value);
  if (room_.ticks == 0 || value >= room_.value) return false;
  const auto quantity = static_cast<std::int64_t>(print.quantity);
  if (empty()) {
    first_price_ = print.price;
    ts_first_ = print.ts_event;
  }
  ts_last_ = print.ts_event;
  last_price_ = print.price;
  --room_.ticks;
  room_.quantity -= quantity;
  room_.value -= value;
  // Branches, not maxima: most ticks move none of these, and an unchanged number needs no store.
  if (print.price > high_) high_ = print.price;
  if (print.price < low_) low_ = print.price;
  if (print.ts_init > ts_init_) ts_init_ = print.ts_init;
  // Branch-free, since sides are unpredictable.
  buy_quantity_ += quantity * std::int64_t{print.side == AggressorSide::kBuy};
  sell_quantity_ += quantity * std::int64_t{print.side == AggressorSide::kSell};
  return true;
}

}  // namespace alphaforge::data
