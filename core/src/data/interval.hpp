#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/grid.hpp"

namespace alphaforge::data {

// The interval [start, end) of a time bar type that holds an instrument's market time, whether a bar is open in it or
// not. A tick before `start` is late; a tick at or after `end` first ends the interval.
struct Interval {
  std::int64_t start = kNoTime;
  std::int64_t end = kNoTime;
  // Of the last bar that closed: what a flat bar repeats, and where it begins.
  std::int64_t last_close = 0;
  std::int64_t last_ts_init = 0;
  std::int64_t last_end = kNoTime;
  std::int64_t gap_bars = 0;  // flat bars of the current gap
  bool began = false;         // the first bar has closed, whether or not it was emitted
  bool is_outside = false;    // between sessions of the type's calendar, where it has no bars
  bool uncovered = false;     // the open bar is the first, and the engine did not see the beginning of its interval

  bool holds(std::int64_t ts) const { return start <= ts && ts < end; }
  // Whether a tick of that time is late at this market time.
  bool is_late(std::int64_t ts_event, std::int64_t market_time, const Grid& grid) const {
    return ts_event < (market_time < end ? start : grid.span_of(market_time).start);
  }
  void move_to(const Span& span) {
    start = span.start;
    end = span.end;
    is_outside = span.is_outside;
  }
  // A bar of the type has closed.
  void closed(const BarFigures& bar) {
    began = true;
    last_close = bar.close.mantissa;
    last_ts_init = bar.ts_init;
    last_end = bar.ts_event;
  }
  // When market time next closes a bar: the open one, or a flat one if quiet intervals are filled.
  std::int64_t next_close(const OpenBar& bar, const Grid& grid, std::int64_t gap_bars_max) const {
    if (!bar.empty()) return end;
    if (!began || gap_bars >= gap_bars_max) return kNever;
    return grid.next_span(last_end).end;
  }
};

}  // namespace alphaforge::data
