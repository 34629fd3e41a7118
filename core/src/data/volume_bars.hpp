#pragma once

#include <algorithm>

#include "data/arrival_bars.hpp"

namespace alphaforge::data {

// What the open bar takes of a print: no more than it lacks.
inline int128 volume_part(const ArrivalBars& bars, int128 quantity, int128 step) {
  return std::min(quantity, step - bars.progress);
}

// A volume bar closes at exactly its step: one print may end several, each part at the print's price.
template <class Close>
void add_to_volume_bars(ArrivalBars& bars, const Print& print, const ArrivalRule& rule, Close close) {
  if (print.quantity < rule.step - bars.progress) {
    bars.bar.add_by_arrival(print, print.quantity, print.value, true);
    bars.progress += print.quantity;
    return;
  }
  const uint128 total = static_cast<uint128>(bars.progress) + static_cast<uint128>(print.quantity);
  if (exceeds(total, rule)) return close_oversize(bars, print, close);
  bool counts = true;
  for (int128 left = print.quantity; left != 0; counts = false) {
    const int128 part = volume_part(bars, left, rule.step);
    bars.bar.add_by_arrival(print, part, part * print.price, counts);
    bars.progress += part;
    left -= part;
    if (bars.progress == rule.step) {
      bars.progress = 0;
      close(bars.bar, false);
    }
  }
}

}  // namespace alphaforge::data
