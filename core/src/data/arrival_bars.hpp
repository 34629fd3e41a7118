#pragma once

#include "base/int128.hpp"
#include "data/open_bar.hpp"

namespace alphaforge::data {

// One tick, volume or dollar bar type of one instrument: its bars end by what has been counted, whatever the time.
struct alignas(64) ArrivalBars {
  OpenBar bar;
  int128 progress = 0;  // towards the next close: ticks, quantity or value, in the unit of the type's step
};

// How a print meets such a type; each kind gives its own in tick_bars.hpp, volume_bars.hpp, dollar_bars.hpp.
struct ArrivalRule {
  int128 step;
  std::int64_t bars_max;  // a print that would end more bars goes whole into one that is oversize
};

// Whether `total` holds more than `bars_max` steps.
inline bool exceeds(uint128 total, const ArrivalRule& rule) {
  uint128 limit;
  return !__builtin_mul_overflow(static_cast<uint128>(rule.step), static_cast<uint128>(rule.bars_max) + 1, &limit) && total >= limit;
}

// A print that ends too many bars: one bar takes it whole, closes larger than its step, and the count begins again.
template <class Close>
void close_oversize(ArrivalBars& bars, const Print& print, Close close) {
  bars.bar.add_by_arrival(print, print.quantity, print.value, true);
  bars.progress = 0;
  close(bars.bar, true);
}

}  // namespace alphaforge::data
