#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

// An accepted tick with its value, as used by the aggregator.
struct Print {
  std::int64_t price = 0;  // mantissa, nine places
  int128 quantity = 0;     // mantissa, nine places; 0 for a price-only print
  int128 value = 0;        // mantissa, eighteen places
  AggressorSide side = AggressorSide::kNone;
  std::int64_t ts_event = 0;
  std::int64_t ts_init = 0;

  // Sets the quantity and the value; false if that does not fit 128 bits.
  bool set_quantity(std::int64_t narrow) {
    quantity = narrow;
    value = static_cast<int128>(narrow) * price;  // the product of two 64-bit numbers fits 128 bits
    return true;
  }
  bool set_quantity(int128 wide) {
    if (const auto narrow = static_cast<std::int64_t>(wide); narrow == wide) return set_quantity(narrow);
    quantity = wide;
    return checked_multiply(wide, price, value);
  }
};

// A row of a batch whose quantity is not wide.
inline Print print_of(const TradeTickBatch::Columns& ticks, std::size_t row) {
  Print print{.price = ticks.prices[row],
              .side = ticks.side_of(row),
              .ts_event = ticks.ts_event[row],
              .ts_init = ticks.ts_init[row]};
  print.set_quantity(ticks.quantities[row]);
  return print;
}

// Whether `part` can be added to `sum`.
inline bool sum_fits(int128 sum, int128 part) {
  int128 whole = 0;
  return checked_add(sum, part, whole);
}

// What tick, volume and dollar bars count, as an index into Sums::amount.
inline std::size_t amount_of(BarKind kind) {
  return static_cast<std::size_t>(kind) - static_cast<std::size_t>(BarKind::kTick);
}
inline constexpr std::size_t kTrades = 0;
inline constexpr std::size_t kVolume = 1;
inline constexpr std::size_t kValue = 2;

// Sums over ticks. Sums over the lifetime of an instrument may wrap around, so they are unsigned; the difference of two
// sums is exact if it fits, which the engine ensures.
struct Sums {
  std::array<uint128, 3> amount{};            // trades, quantity, value
  std::array<uint128, 3> quantity_by_side{};  // none, buy, sell

  void add(const Print& print, int128 quantity, int128 value, bool counts) {
    amount[kTrades] += counts;
    amount[kVolume] += static_cast<uint128>(quantity);
    amount[kValue] += static_cast<uint128>(value);
    quantity_by_side[static_cast<std::size_t>(print.side) - 1] += static_cast<uint128>(quantity);
  }
  void add(const Print& print) { add(print, print.quantity, print.value, print.quantity != 0); }

  Sums& operator+=(const Sums& other) {
    for (std::size_t i = 0; i < 3; ++i) {
      amount[i] += other.amount[i];
      quantity_by_side[i] += other.quantity_by_side[i];
    }
    return *this;
  }
  Sums operator-(const Sums& other) const {
    Sums difference;
    for (std::size_t i = 0; i < 3; ++i) {
      difference.amount[i] = amount[i] - other.amount[i];
      difference.quantity_by_side[i] = quantity_by_side[i] - other.quantity_by_side[i];
    }
    return difference;
  }
};

// An open bar of any type. Its sums are the instrument's minus `base`, so that a tick is added once for all types.
// Up to date after flush_pending().
struct OpenBar {
  std::int64_t high = std::numeric_limits<std::int64_t>::min();
  std::int64_t low = std::numeric_limits<std::int64_t>::max();
  std::int64_t ts_init = kNoTime;
  std::int64_t open = 0;
  uint128 progress_base = 0;  // tick, volume, dollar: the instrument's amount when progress was 0
  std::int64_t ts_least = kNever;
  std::int64_t ts_greatest = kNoTime;
  std::int64_t close = 0;
  Sums base;  // the instrument's sums when the bar began

  bool empty() const { return high < low; }
  void reach(const Print& print) {
    // Branches, not maxima: most prints move none of these, and an unchanged number needs no store.
    if (print.price > high) high = print.price;
    if (print.price < low) low = print.price;
    if (print.ts_init > ts_init) ts_init = print.ts_init;
  }
  // Opens the bar at that price and time; `since` is the instrument's sums so far.
  void begin(std::int64_t price, std::int64_t ts_event, const Sums& since) {
    open = close = price;
    ts_least = ts_greatest = ts_event;
    base = since;
  }
  // The current bar, with `sums` as its sums.
  BarFigures figures(const Sums& sums) const {
    BarFigures bar;
    bar.open = {open};
    bar.high = {high};
    bar.low = {low};
    bar.close = {close};
    bar.volume = {static_cast<int128>(sums.amount[kVolume])};
    bar.value = {static_cast<int128>(sums.amount[kValue])};
    bar.buy_volume = {static_cast<int128>(sums.quantity_by_side[1])};
    bar.sell_volume = {static_cast<int128>(sums.quantity_by_side[2])};
    bar.trade_count = static_cast<std::int64_t>(sums.amount[kTrades]);
    bar.ts_open = ts_least;
    bar.ts_event = ts_greatest;
    bar.ts_init = ts_init;
    return bar;
  }
  // Clears the bar. Progress carries over to the type's next bar.
  void end() {
    const uint128 progress = progress_base;
    *this = OpenBar();
    progress_base = progress;
  }
};

}  // namespace alphaforge::data
