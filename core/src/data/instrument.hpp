#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "data/bar_history.hpp"
#include "data/interval.hpp"
#include "data/lazy_heap.hpp"
#include "data/open_bar.hpp"
#include "data/tick_run.hpp"
#include "model/duplicate_window.hpp"

namespace alphaforge::data {

// Everything the engine holds about one instrument.
struct Instrument {
  explicit Instrument(TickRun& its_run) : run(its_run) {}

  // The ticks not yet applied to market time, sums and bars: call flush_pending() before reading anything else.
  TickRun& run;
  Room room;  // of the run when it was opened

  std::int64_t market_time = kNoTime;  // the greatest ts_event accepted, or the engine's clock if a tick found it ahead
  std::int64_t next_end = kNoTime;  // the earliest end of its intervals; kNoTime sends the next tick to the slow path
  Sums sums;                        // over all its prints
  std::vector<OpenBar> bars;        // one for each type, in configured order
  std::vector<Interval> intervals;  // one for each time type, in configured order
  std::vector<BarSeries> series;    // one for each type, in configured order
  std::uint32_t checkpoint = 0;     // the last checkpoint that has written it
  // True once the sum of its values has exceeded 128 bits or a price was not above 0: from then on, the sums over all
  // ticks don't tell whether a tick fits each bar's sums.
  bool checks_bars = false;
  LazyHeap<std::int64_t>::Ticket due;
  DuplicateWindow seen;
  std::shared_ptr<const std::string> id;
  std::uint64_t index = 0;  // in order of first sight; its number in heaps and lists

  // Prefetches what a search by name, and then a tick, needs first.
  void prefetch_name() const {
    __builtin_prefetch(&run);
    __builtin_prefetch(&id);
  }
  // Applies the run's ticks to market time, sums and bars, and closes the run.
  void flush_pending() {
    if (!run.empty()) {
      for (OpenBar& bar : bars) {
        if (bar.empty()) bar.begin(run.first_price(), run.ts_first(), sums);
        bar.high = std::max(bar.high, run.high());
        bar.low = std::min(bar.low, run.low());
        bar.ts_init = std::max(bar.ts_init, run.ts_init());
        bar.close = run.last_price();
        bar.ts_greatest = run.ts_last();
      }
      market_time = run.ts_last();
      sums += run.sums(room);
    }
    run.close();
  }
};

}  // namespace alphaforge::data
