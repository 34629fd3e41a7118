#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/arrival_bars.hpp"
#include "data/bar_history.hpp"
#include "data/lazy_heap.hpp"
#include "data/time_bars.hpp"
#include "model/duplicate_window.hpp"

namespace alphaforge::data {

// Everything the engine holds about one instrument.
struct Instrument {
  std::shared_ptr<const std::string> id;
  std::uint64_t index = 0;  // in order of first sight; its number in heaps and lists
  // The greatest ts_event accepted, and of the engine's clock when a tick last found that ahead.
  std::int64_t market_time = kBeforeAll;
  std::int64_t next_end = kBeforeAll;  // the least end of its time intervals
  // Of all prints so far, or the greatest int128 where that is exceeded: no bar's value is more.
  int128 value_total = 0;
  std::vector<TimeBars> time_bars;        // one for each time type, in configured order
  std::vector<ArrivalBars> arrival_bars;  // one for each other type, in configured order
  std::vector<BarSeries> series;          // one for each type, in configured order
  LazyHeap<std::int64_t>::Ticket due;
  DuplicateWindow seen;
};

}  // namespace alphaforge::data
