#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/bar_history.hpp"
#include "data/lazy_heap.hpp"
#include "data/open_bar.hpp"
#include "data/time_bars.hpp"
#include "model/duplicate_window.hpp"

namespace alphaforge::data {

// Everything the engine holds about one instrument. What every tick needs lies in the first two cache lines.
struct alignas(64) Instrument {
  std::int64_t market_time = kBeforeAll;  // the greatest ts_event accepted, and of the engine's clock when a tick found that ahead
  std::int64_t next_end = kBeforeAll;     // the least end of its intervals; before all where every tick has to be looked at closely
  // Where the last tick came in order, its price: the close of every bar that is not empty, at market time. Otherwise 0, and
  // each bar has its own.
  std::int64_t last_price = 0;
  OpenBar* open_bars = nullptr;  // of bars.data()
  Sums sums;                     // over all its prints

  std::vector<OpenBar> bars;        // one for each type, in configured order
  std::vector<Interval> intervals;  // one for each time type, in configured order
  std::vector<BarSeries> series;    // one for each type, in configured order
  bool value_wrapped = false;       // the sum of its values has exceeded 128 bits
  LazyHeap<std::int64_t>::Ticket due;
  DuplicateWindow seen;
  std::shared_ptr<const std::string> id;
  std::uint64_t index = 0;  // in order of first sight; its number in heaps and lists

  // Each bar gets its own close, before a tick that is not for all of them.
  void settle() {
    if (last_price == 0) return;
    for (OpenBar& bar : bars) {
      if (bar.empty()) continue;
      bar.close = last_price;
      bar.ts_greatest = market_time;
    }
    last_price = 0;
  }
  std::int64_t close_of(const OpenBar& bar) const { return last_price == 0 ? bar.close : last_price; }
  std::int64_t ts_greatest_of(const OpenBar& bar) const { return last_price == 0 ? bar.ts_greatest : market_time; }
};

}  // namespace alphaforge::data
