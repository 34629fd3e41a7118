#include "data/time_bars.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/time.hpp"
#include "data/bar_history.hpp"
#include "data/closed_bars.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/interval.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/span.hpp"

namespace alphaforge::data {

void TimeBars::prepare(Instrument& instrument) const {
  const std::size_t known = instrument.intervals.size();
  instrument.intervals.resize(types_.size());
  if (instrument.market_time == kNoTime) return;
  // The intervals of types that were added later hold the instrument's market time, like all others.
  for (std::size_t i = known; i < types_.size(); ++i) {
    instrument.intervals[i].move_to(types_[i].grid.span_of(instrument.market_time));
    instrument.next_end = std::min(instrument.next_end, instrument.intervals[i].end);
  }
}

// --- Ticks.

bool TimeBars::fits(Instrument& instrument, const Print& print) const {
  const std::int64_t market_time = std::max({instrument.market_time, clock_, print.ts_event});
  for (std::uint32_t i = 0; i < size(); ++i) {
    const BarFigures bar = joined_bar(instrument, i, print.ts_event, market_time);
    if (!sum_fits(bar.value.mantissa, print.value) || !sum_fits(bar.volume.mantissa, print.quantity)) return false;
  }
  return true;
}

// The bar, open or closed, that a print of that time joins at this market time; an empty one if the print begins a bar
// or joins none.
BarFigures TimeBars::joined_bar(Instrument& instrument, std::uint32_t number, std::int64_t ts_event,
                                std::int64_t market_time) const {
  const Type& type = types_[number];
  const OpenBar& bar = instrument.bars[type.index];
  const Interval& interval = instrument.intervals[number];
  if (!bar.empty() && interval.holds(ts_event)) {
    const BarFigures figures = open_bar(instrument, number);
    if (market_time < interval.end) return figures;
    // The bar closes first: advance() stopped before it.
    const bool is_joined = !is_skipped(interval, figures) && may_correct(figures, ts_event, market_time);
    return is_joined ? figures : BarFigures{};
  }
  if (!interval.is_late(ts_event, market_time, type.grid)) return {};
  const KeptBar* kept = correctable(instrument, number, ts_event, market_time);
  return kept == nullptr ? BarFigures{} : kept->bar;
}

bool TimeBars::apply(Instrument& instrument, const Print& print, std::vector<Bar>& out) {
  const std::int64_t market_time = std::max({instrument.market_time, clock_, print.ts_event});
  if (market_time >= instrument.next_end) move_market_time(instrument, market_time, out);
  instrument.market_time = market_time;

  bool is_late = false;
  for (std::uint32_t i = 0; i < size(); ++i) {
    OpenBar& bar = instrument.bars[types_[i].index];
    if (instrument.intervals[i].is_late(print.ts_event, market_time, types_[i].grid)) {
      is_late = true;
      apply_late(instrument, i, print, out);
      bar.base.add(print);  // the print will be in the instrument's sums, but is not in this bar
      continue;
    }
    if (bar.empty()) {
      if (instrument.intervals[i].is_outside) continue;
      begin(instrument, i, print);
    }
    // Open and close follow (ts_event, arrival).
    if (print.ts_event < bar.ts_least) {
      bar.ts_least = print.ts_event;
      bar.open = print.price;
    }
    if (print.ts_event >= bar.ts_greatest) {
      bar.ts_greatest = print.ts_event;
      bar.close = print.price;
    }
    bar.reach(print);
  }
  return is_late;
}

void TimeBars::begin(Instrument& instrument, std::uint32_t number, const Print& print) {
  Interval& interval = instrument.intervals[number];
  interval.gap_bars = 0;
  interval.uncovered = !interval.began && types_[number].observed_since > interval.start;
  due_.expect(instrument.index, interval.end, instrument.due);
  instrument.bars[types_[number].index].begin(print.price, print.ts_event, instrument.sums);
}

void TimeBars::apply_late(Instrument& instrument, std::uint32_t number, const Print& print, std::vector<Bar>& out) {
  KeptBar* kept = correctable(instrument, number, print.ts_event, instrument.market_time);
  if (kept == nullptr) return;
  const std::uint32_t index = types_[number].index;
  closed_.correct(instrument, index, *kept, print, out);
  if (kept->bar.sequence == instrument.series[index].sequence) instrument.intervals[number].closed(kept->bar);
}

// The kept bar that a late print of that time corrects; null if there is none.
KeptBar* TimeBars::correctable(Instrument& instrument, std::uint32_t number, std::int64_t ts_event,
                               std::int64_t market_time) const {
  if (config_.allowed_lateness_ns == 0) return nullptr;
  BarSeries& series = instrument.series[types_[number].index];
  std::size_t first = 0;
  std::size_t last = series.size();
  while (first != last) {
    const std::size_t middle = first + (last - first) / 2;
    if (series[middle].bar.ts_open <= ts_event)
      first = middle + 1;
    else
      last = middle;
  }
  if (first == 0) return nullptr;
  KeptBar& kept = series[first - 1];
  return may_correct(kept.bar, ts_event, market_time) ? &kept : nullptr;
}

// --- Market time.

void TimeBars::move_market_time(Instrument& instrument, std::int64_t to, std::vector<Bar>& out) {
  closings_.clear();
  collect_closings(instrument, to);
  close_collected(to, out, kAllBars);
  instrument.next_end = kNever;
  for (std::uint32_t i = 0; i < size(); ++i) {
    Interval& interval = instrument.intervals[i];
    if (to >= interval.end) interval.move_to(types_[i].grid.span_of(to));
    instrument.next_end = std::min(instrument.next_end, interval.end);
  }
  if (instrument.checks_bars) instrument.next_end = kNoTime;
  if (config_.fill_gaps) expect_close(instrument);
}

bool TimeBars::advance(std::int64_t now, std::vector<Bar>& out, std::size_t bars_max) {
  for (Type& type : types_) type.observed_since = std::min(type.observed_since, now);
  // With the same time as before, it closes the remaining bars.
  if (now < clock_) return true;
  clock_ = now;
  std::vector<Instrument*> due;
  while (due_.due(now)) {
    std::uint64_t index = 0;
    const auto ticket_of = [&](std::uint64_t item) {
      Instrument* instrument = closed_.instrument_at(item);
      return instrument == nullptr ? nullptr : &instrument->due;
    };
    if (!due_.pop(index, ticket_of)) continue;
    due.push_back(closed_.instrument_at(index));
    closed_.before_change(*due.back());
    due.back()->flush_pending();
  }
  closings_.clear();
  for (const Instrument* instrument : due) collect_closings(*instrument, now);
  const bool is_done = close_collected(now, out, bars_max);
  for (Instrument* instrument : due) expect_close(*instrument);
  return is_done;
}

void TimeBars::collect_closings(const Instrument& instrument, std::int64_t to) {
  for (std::uint32_t i = 0; i < size(); ++i) {
    const std::int64_t end = next_close(instrument, i);
    if (end > to) continue;
    closings_.push_back({end, instrument.index, i});
    std::push_heap(closings_.begin(), closings_.end(), std::greater<>());
  }
}

// Ordered by end, then first seen, then configured order. A closed interval may be followed by flat ones. Returns
// false if it stops at `bars_max` bars.
bool TimeBars::close_collected(std::int64_t to, std::vector<Bar>& out, std::size_t bars_max) {
  while (!closings_.empty()) {
    if (out.size() >= bars_max) return false;
    std::pop_heap(closings_.begin(), closings_.end(), std::greater<>());
    Closing closing = closings_.back();
    closings_.pop_back();
    Instrument& instrument = *closed_.instrument_at(closing.instrument);
    close_interval(instrument, closing.type, out);
    closing.end = next_close(instrument, closing.type);
    if (closing.end > to) continue;
    closings_.push_back(closing);
    std::push_heap(closings_.begin(), closings_.end(), std::greater<>());
  }
  return true;
}

std::int64_t TimeBars::next_close(const Instrument& instrument, std::uint32_t number) const {
  const Type& type = types_[number];
  const std::int64_t gap_bars_max = config_.fill_gaps ? config_.max_gap_bars : 0;
  return instrument.intervals[number].next_close(instrument.bars[type.index], type.grid, gap_bars_max);
}

void TimeBars::expect_close(Instrument& instrument) {
  for (std::uint32_t i = 0; i < size(); ++i) due_.expect(instrument.index, next_close(instrument, i), instrument.due);
}

// --- Closing.

void TimeBars::close_interval(Instrument& instrument, std::uint32_t number, std::vector<Bar>& out) {
  Interval& interval = instrument.intervals[number];
  OpenBar& bar = instrument.bars[types_[number].index];
  KeptBar kept;
  if (bar.empty()) {
    kept.bar = flat_bar(instrument, number);
    ++interval.gap_bars;
  } else {
    kept = kept_of(bar, open_bar(instrument, number));
    kept.is_uncovered = interval.uncovered;
    bar.end();
  }
  interval.move_to(types_[number].grid.span_of(kept.bar.ts_event));
  finish(instrument, number, kept, out);
}

void TimeBars::flush(Instrument& instrument, std::uint32_t number, std::vector<Bar>& out) {
  OpenBar& bar = instrument.bars[types_[number].index];
  KeptBar kept = kept_of(bar, open_bar(instrument, number));
  kept.bar.is_partial = true;
  bar.end();
  finish(instrument, number, kept, out);
}

void TimeBars::finish(Instrument& instrument, std::uint32_t number, KeptBar& kept, std::vector<Bar>& out) {
  Interval& interval = instrument.intervals[number];
  const bool skips = is_skipped(interval, kept.bar);
  interval.closed(kept.bar);
  if (!skips) closed_.emit(instrument, types_[number].index, kept, out);
}

BarFigures TimeBars::open_bar(const Instrument& instrument, std::uint32_t number) const {
  const Interval& interval = instrument.intervals[number];
  const OpenBar& open = instrument.bars[types_[number].index];
  BarFigures bar = open.figures(instrument.sums - open.base);
  bar.ts_open = interval.start;
  bar.ts_event = interval.end;
  // A first bar is partial unless its earliest tick is exactly at its start.
  bar.is_partial = interval.uncovered && open.ts_least != interval.start;
  return bar;
}

// The flat bar for the quiet interval after the last bar of a type.
BarFigures TimeBars::flat_bar(const Instrument& instrument, std::uint32_t number) const {
  const Interval& interval = instrument.intervals[number];
  BarFigures bar;
  bar.open = bar.high = bar.low = bar.close = {interval.last_close};
  const Span span = types_[number].grid.next_span(interval.last_end);
  bar.ts_open = span.start;
  bar.ts_event = span.end;
  bar.ts_init = interval.last_ts_init;
  bar.is_gap_fill = true;
  return bar;
}

void TimeBars::extend(Instrument& instrument) const {
  for (std::uint32_t i = 0; i < size(); ++i) {
    Interval& interval = instrument.intervals[i];
    if (interval.is_outside) interval.move_to(types_[i].grid.span_of(interval.start));
  }
}

void TimeBars::clear() {
  due_.clear();
  clock_ = kNoTime;
  for (Type& type : types_) type.observed_since = kNever;
}

}  // namespace alphaforge::data
