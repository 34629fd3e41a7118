#pragma once

#include "data/arrival_bars.hpp"

namespace alphaforge::data {

// A tick bar closes with the N-th tick.
template <class Close>
void add_to_tick_bars(ArrivalBars& bars, const Print& print, const ArrivalRule& rule, Close close) {
  bars.bar.add_by_arrival(print, print.quantity, print.value, true);
  if (++bars.progress < rule.step) return;
  bars.progress = 0;
  close(bars.bar, false);
}

}  // namespace alphaforge::data
