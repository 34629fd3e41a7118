#pragma once

#include <algorithm>

#include "data/arrival_bars.hpp"

namespace alphaforge::data {

// What the open bar takes of a print: the least quantity, at least 1e-9, that brings its progress to the step.
inline int128 dollar_part(const ArrivalBars& bars, const Print& print, int128 quantity, int128 step) {
  // Values have eighteen places and prices nine, so that the quotient has the nine of a quantity.
  const int128 lacking = step - bars.progress;
  const int128 needed = lacking <= 0 ? 1 : (lacking - 1) / print.price + 1;
  return std::min(quantity, needed);
}

// A dollar bar closes when its progress has reached the step; what is beyond it is the next bar's progress, while a bar's
// value is that of its own parts.
template <class Close>
void add_to_dollar_bars(ArrivalBars& bars, const Print& print, const ArrivalRule& rule, Close close) {
  if (print.value < rule.step - bars.progress) {
    bars.bar.add_by_arrival(print, print.quantity, print.value, true);
    bars.progress += print.value;
    return;
  }
  // Each bar that closes uses up one step of value and at least one unit of quantity: there are min(units, total / step) of them.
  const uint128 total = static_cast<uint128>(bars.progress) + static_cast<uint128>(print.value);
  if (print.quantity > rule.bars_max && exceeds(total, rule)) return close_oversize(bars, print, close);
  bool counts = true;
  for (int128 left = print.quantity; left != 0; counts = false) {
    const int128 part = dollar_part(bars, print, left, rule.step);
    const int128 value = part * print.price;
    bars.bar.add_by_arrival(print, part, value, counts);
    // The step first: the sum of both might not fit.
    const int128 beyond = (bars.progress - rule.step) + value;
    left -= part;
    if (beyond >= 0) {
      bars.progress = beyond;
      close(bars.bar, false);
    } else {
      bars.progress = beyond + rule.step;
    }
  }
}

}  // namespace alphaforge::data
