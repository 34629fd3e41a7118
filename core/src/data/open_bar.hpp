#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/int128.hpp"
#include "model/trade_tick.hpp"

namespace alphaforge::data {

// A tick as the aggregators see it: accepted, its value computed.
struct Print {
  std::int64_t price = 0;  // mantissa, nine places
  int128 quantity = 0;     // mantissa, nine places; 0 for a price-only print
  int128 value = 0;        // mantissa, eighteen places
  AggressorSide side = AggressorSide::kNone;
  std::int64_t ts_event = 0;
  std::int64_t ts_init = 0;
};

// The sums of an unfinished bar, in two cache lines. Quantities are kept by aggressor, their sum is the volume.
// The extremes start beyond every price and time, so that adding the first print needs no case of its own.
struct OpenBar {
  std::int64_t open = 0;
  std::int64_t high = std::numeric_limits<std::int64_t>::min();
  std::int64_t low = std::numeric_limits<std::int64_t>::max();
  std::int64_t close = 0;
  std::array<int128, 3> quantity_by_side{};  // none, buy, sell
  int128 value = 0;
  std::int64_t trade_count = 0;
  std::int64_t ts_least = std::numeric_limits<std::int64_t>::max();
  std::int64_t ts_greatest = std::numeric_limits<std::int64_t>::min();
  std::int64_t ts_init = std::numeric_limits<std::int64_t>::min();

  bool empty() const { return high < low; }
  int128 volume() const { return quantity_by_side[0] + quantity_by_side[1] + quantity_by_side[2]; }

  // Open and close follow (ts_event, arrival): a print that arrives later opens only if it is earlier, and closes unless it is earlier.
  void add_by_time(const Print& print) {
    if (print.ts_event < ts_least) open = print.price;
    if (print.ts_event >= ts_greatest) close = print.price;
    add_sums(print, print.quantity, print.value);
    trade_count += print.quantity != 0;
  }

  // Open and close follow arrival. A part of a print is added by each bar that it reaches; the first of them counts the trade.
  void add_by_arrival(const Print& print, int128 quantity, int128 value_of_part, bool counts) {
    if (empty()) open = print.price;
    close = print.price;
    add_sums(print, quantity, value_of_part);
    trade_count += counts;
  }

 private:
  void add_sums(const Print& print, int128 quantity, int128 value_of_part) {
    high = std::max(high, print.price);
    low = std::min(low, print.price);
    quantity_by_side[static_cast<std::size_t>(print.side) - 1] += quantity;
    value += value_of_part;
    ts_least = std::min(ts_least, print.ts_event);
    ts_greatest = std::max(ts_greatest, print.ts_event);
    ts_init = std::max(ts_init, print.ts_init);
  }
};
static_assert(sizeof(OpenBar) == 128);

}  // namespace alphaforge::data
