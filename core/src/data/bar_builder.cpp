#include "data/bar_builder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "data/arrival_bars.hpp"
#include "data/bar_history.hpp"
#include "data/checkpoint.hpp"
#include "data/config.hpp"
#include "data/grid.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "data/tick_run.hpp"
#include "data/time_bars.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge::data {

BarBuilder::BarBuilder(const DataEngineConfig& config, InstrumentOf instrument_of)
    : config_(config),
      instrument_of_(std::move(instrument_of)),
      types_(parse_bar_types(config.bar_types)),
      time_zones_(parse_time_zones(config.time_zones)),
      history_(config.max_memory_bytes) {
  index_types();
}

int BarBuilder::index_of(const BarType& type) const {
  for (std::size_t i = 0; i < types_.size(); ++i)
    if (*types_[i] == type) return static_cast<int>(i);
  return -1;
}

// The time zones that types name, each once, in the order of the types.
std::vector<std::string> BarBuilder::named_zones() const {
  std::vector<std::string> names;
  for (const auto& type : types_)
    if (!type->zone.empty() && type->zone != "UTC" && std::ranges::find(names, type->zone) == names.end())
      names.push_back(type->zone);
  return names;
}

// Types are only appended, so that the state of existing ones keeps its position.
void BarBuilder::index_types() {
  for (std::size_t i = time_types_.size() + arrival_types_.size(); i < types_.size(); ++i) {
    const BarType& type = *types_[i];
    const auto index = static_cast<std::uint32_t>(i);
    if (closes_by_time(type.kind))
      time_types_.push_back({index, Grid(type, config_.origin_offset_ns, time_zones_), kNever});
    else
      arrival_types_.push_back({index, type.kind, type.step});
  }
}

void BarBuilder::add_type(std::shared_ptr<const BarType> type) {
  config_.bar_types.push_back(type->name);
  types_.push_back(std::move(type));
  index_types();
}

void BarBuilder::prepare(Instrument& instrument) const {
  const std::size_t known = instrument.bars.size();
  instrument.series.resize(types_.size());
  instrument.bars.resize(types_.size());
  // The progress of a type counts from when it was added.
  for (const ArrivalType& type : arrival_types_)
    if (type.index >= known && type.kind != BarKind::kRange)
      instrument.bars[type.index].progress_base = instrument.sums.amount[amount_of(type.kind)];
  const std::size_t known_intervals = instrument.intervals.size();
  instrument.intervals.resize(time_types_.size());
  if (instrument.market_time == kNoTime) return;
  // The intervals of types that were added later hold the instrument's market time, like all others.
  for (std::size_t i = known_intervals; i < time_types_.size(); ++i) {
    instrument.intervals[i].move_to(time_types_[i].grid.span_of(instrument.market_time));
    instrument.next_end = std::min(instrument.next_end, instrument.intervals[i].end);
  }
}

void BarBuilder::reconfigure(const DataEngineConfig& config, const EachInstrument& each_instrument) {
  config_ = config;
  for (TimeType& type : time_types_) type.grid = Grid(*types_[type.index], config.origin_offset_ns, time_zones_);
  const auto each_series = [&](const auto& visit) {
    each_instrument(
        [&](Instrument& instrument) { std::for_each(instrument.series.begin(), instrument.series.end(), visit); });
  };
  history_.reconfigure(
      config.max_memory_bytes, static_cast<std::size_t>(config.max_bars_per_instrument),
      [this](std::uint64_t number) { return series_of(number); }, each_series);
  // Quiet intervals may now have to be filled: the next tick or advance_time() takes the slow path.
  each_instrument([this](Instrument& instrument) {
    instrument.flush_pending();
    expect_close(instrument);
    instrument.next_end = kNoTime;
  });
}

bool BarBuilder::apply(Instrument& instrument, const Print& print, std::vector<Bar>& out) {
  const std::int64_t market_time = std::max({instrument.market_time, clock_, print.ts_event});
  if (market_time >= instrument.next_end) move_market_time(instrument, market_time, out);
  instrument.market_time = market_time;

  bool is_late = false;
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) {
    OpenBar& bar = instrument.bars[time_types_[i].index];
    if (print.ts_event < instrument.intervals[i].start) {
      is_late = true;
      apply_late(instrument, i, print, out);
      bar.base.add(print);  // the instrument's sums will have it, this bar has not
      continue;
    }
    if (bar.empty()) {
      begin_interval(instrument, i);
      bar.begin(print.price, print.ts_event, instrument.sums);
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
  // Only time bars know a price without a trade.
  for (std::size_t i = 0; print.quantity != 0 && i < arrival_types_.size(); ++i) {
    OpenBar& bar = instrument.bars[arrival_types_[i].index];
    if (bar.empty()) bar.begin(print.price, print.ts_event, instrument.sums);
    bar.ts_least = std::min(bar.ts_least, print.ts_event);
    bar.ts_greatest = std::max(bar.ts_greatest, print.ts_event);
    bar.close = print.price;
    bar.reach(print);
  }
  instrument.sums.add(print);
  for (const ArrivalType& type : arrival_types_)
    if (print.quantity != 0 && progress_of(instrument, type) >= static_cast<uint128>(type.step))
      close_by_arrival(instrument, type, print, out);
  open_run(instrument);
  return is_late;
}

// What a type counts of its open bar.
uint128 BarBuilder::progress_of(const Instrument& instrument, const ArrivalType& type) const {
  const OpenBar& bar = instrument.bars[type.index];
  if (type.kind != BarKind::kRange) return instrument.sums.amount[amount_of(type.kind)] - bar.progress_base;
  return bar.empty() ? 0 : static_cast<uint128>(int128{bar.high} - bar.low);
}

// After a tick on the slow path: the limits within which following ticks close no bar.
void BarBuilder::open_run(Instrument& instrument) const {
  // An empty time bar begins with a tick on the slow path.
  for (const TimeType& type : time_types_)
    if (instrument.bars[type.index].empty()) return;
  constexpr uint128 kValueMax = uint128{1} << 126;
  Room room{.ticks = INT64_MAX,
            .quantity = INT64_MAX,
            .value = kValueMax - std::min(kValueMax, instrument.sums.amount[kValue])};
  for (const ArrivalType& type : arrival_types_) {
    // Any tick may close a range bar: each takes the slow path, so that the others need not look for it.
    if (type.kind == BarKind::kRange) return;
    const uint128 progress = progress_of(instrument, type);
    // Progress beyond the step is that of a dollar bar that began with the excess of another.
    const uint128 left = static_cast<uint128>(type.step) - std::min(progress, static_cast<uint128>(type.step));
    if (type.kind == BarKind::kTick)
      room.ticks = static_cast<std::int64_t>(std::min(static_cast<uint128>(room.ticks), left == 0 ? 0 : left - 1));
    else if (type.kind == BarKind::kVolume)
      room.quantity = static_cast<std::int64_t>(std::min(static_cast<uint128>(room.quantity), left));
    else
      room.value = std::min(room.value, left);
  }
  instrument.room = room;
  instrument.run.open(instrument.market_time, std::min(instrument.next_end, kTimeEnd), room);
}

// The tick, which the open bar and the instrument's sums already include, brought a type's progress to its step: it is
// split into the parts of its bars, each at the tick's price; the first one counts the trade.
void BarBuilder::close_by_arrival(Instrument& instrument, const ArrivalType& type, const Print& print,
                                  std::vector<Bar>& out) {
  OpenBar& bar = instrument.bars[type.index];
  Sums before = instrument.sums;
  before.remove(print);
  Sums taken = before - bar.base;
  const auto close = [&](bool is_oversize) {
    KeptBar kept{.bar = bar.figures(taken), .ts_least = bar.ts_least, .ts_greatest = bar.ts_greatest};
    kept.bar.is_oversize = is_oversize;
    emit(instrument, type.index, kept, out);
    bar.end();
    taken = Sums();
  };
  if (type.kind == BarKind::kRange) {
    taken.add(print);
    close(false);
    return;
  }
  const std::size_t amount = amount_of(type.kind);
  uint128 progress = before.amount[amount] - bar.progress_base;
  if (ends_too_many(type.kind, progress, print, type.step, config_.max_bars_per_tick)) {
    taken.add(print);
    close(true);
    bar.progress_base = instrument.sums.amount[amount];
    return;
  }
  bool counts = true;
  for (int128 left = print.quantity; left != 0; counts = false) {
    const Part part = next_part(type.kind, progress, left, type.step, print.price);
    if (bar.empty()) {
      bar.begin(print.price, print.ts_event, Sums());
      bar.reach(print);
    }
    taken.add(print, part.quantity, part.quantity * print.price, counts);
    left -= part.quantity;
    progress = part.progress;
    if (progress < static_cast<uint128>(type.step)) continue;
    progress -= static_cast<uint128>(type.step);
    close(false);
  }
  bar.base = instrument.sums - taken;
  bar.progress_base = instrument.sums.amount[amount] - progress;
}

void BarBuilder::move_market_time(Instrument& instrument, std::int64_t to, std::vector<Bar>& out) {
  closings_.clear();
  collect_closings(instrument, to);
  close_collected(to, out, kAllBars);
  instrument.next_end = kNever;
  for (std::size_t i = 0; i < time_types_.size(); ++i) {
    Interval& interval = instrument.intervals[i];
    if (to >= interval.end) interval.move_to(time_types_[i].grid.span_of(to));
    instrument.next_end = std::min(instrument.next_end, interval.end);
  }
  if (instrument.value_wrapped) instrument.next_end = kNoTime;
  if (config_.fill_gaps) expect_close(instrument);
}

bool BarBuilder::advance(std::int64_t now, std::vector<Bar>& out, std::size_t bars_max) {
  for (TimeType& type : time_types_) type.observed_since = std::min(type.observed_since, now);
  // With the same time as before, it closes the remaining bars.
  if (now < clock_) return true;
  clock_ = now;
  std::vector<Instrument*> due;
  while (due_.due(now)) {
    std::uint64_t index = 0;
    const auto ticket_of = [&](std::uint64_t item) {
      Instrument* instrument = instrument_of_(item);
      return instrument == nullptr ? nullptr : &instrument->due;
    };
    if (!due_.pop(index, ticket_of)) continue;
    due.push_back(instrument_of_(index));
    if (checkpoint_ != nullptr) checkpoint_->before_change(*due.back());
    due.back()->flush_pending();
  }
  closings_.clear();
  for (const Instrument* instrument : due) collect_closings(*instrument, now);
  const bool is_done = close_collected(now, out, bars_max);
  for (Instrument* instrument : due) expect_close(*instrument);
  return is_done;
}

void BarBuilder::collect_closings(const Instrument& instrument, std::int64_t to) {
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) {
    const std::int64_t end = next_close(instrument, i);
    if (end > to) continue;
    closings_.push_back({end, instrument.index, i});
    std::push_heap(closings_.begin(), closings_.end(), std::greater<>());
  }
}

// Ordered by end, then first seen, then configured order. A closed interval may be followed by flat ones. Stops at
// `bars_max` bars; then false.
bool BarBuilder::close_collected(std::int64_t to, std::vector<Bar>& out, std::size_t bars_max) {
  while (!closings_.empty()) {
    if (out.size() >= bars_max) return false;
    std::pop_heap(closings_.begin(), closings_.end(), std::greater<>());
    Closing closing = closings_.back();
    closings_.pop_back();
    Instrument& instrument = *instrument_of_(closing.instrument);
    close_interval(instrument, closing.type, out);
    closing.end = next_close(instrument, closing.type);
    if (closing.end > to) continue;
    closings_.push_back(closing);
    std::push_heap(closings_.begin(), closings_.end(), std::greater<>());
  }
  return true;
}

std::int64_t BarBuilder::next_close(const Instrument& instrument, std::uint32_t time_type) const {
  const TimeType& type = time_types_[time_type];
  return instrument.intervals[time_type].next_close(instrument.bars[type.index], type.grid, gap_bars_max());
}

void BarBuilder::close_interval(Instrument& instrument, std::uint32_t time_type, std::vector<Bar>& out) {
  Interval& interval = instrument.intervals[time_type];
  const TimeType& type = time_types_[time_type];
  OpenBar& bar = instrument.bars[type.index];
  KeptBar kept;
  if (bar.empty()) {
    kept.bar = flat_bar(instrument, time_type);
    ++interval.gap_bars;
  } else {
    kept = {.bar = open_time_bar(instrument, time_type),
            .ts_least = bar.ts_least,
            .ts_greatest = bar.ts_greatest,
            .is_uncovered = interval.uncovered};
    bar.end();
  }
  const bool is_skipped = !interval.began && kept.bar.is_partial && config_.skip_first_partial;
  interval.closed(kept.bar);
  interval.move_to(type.grid.span_of(kept.bar.ts_event));
  if (!is_skipped) emit(instrument, type.index, kept, out);
}

void BarBuilder::expect_close(Instrument& instrument) {
  for (std::uint32_t i = 0; i < time_types_.size(); ++i)
    due_.expect(instrument.index, next_close(instrument, i), instrument.due);
}

void BarBuilder::begin_interval(Instrument& instrument, std::uint32_t time_type) {
  Interval& interval = instrument.intervals[time_type];
  interval.gap_bars = 0;
  interval.uncovered = !interval.began && time_types_[time_type].observed_since > interval.start;
  due_.expect(instrument.index, interval.end, instrument.due);
}

void BarBuilder::apply_late(Instrument& instrument, std::uint32_t time_type, const Print& print,
                            std::vector<Bar>& out) {
  KeptBar* kept = correctable(instrument, time_type, print.ts_event);
  if (kept == nullptr) return;
  if (checkpoint_ != nullptr) checkpoint_->before_correction(instrument, time_types_[time_type].index, *kept);
  correct(*kept, print);
  ++bars_revised_;
  out.push_back(named(instrument, time_types_[time_type].index, kept->bar));
  const bool is_last = kept->bar.sequence == instrument.series[time_types_[time_type].index].sequence;
  if (is_last) instrument.intervals[time_type].closed(kept->bar);
}

KeptBar* BarBuilder::correctable(Instrument& instrument, std::uint32_t time_type, std::int64_t ts_event) const {
  if (config_.allowed_lateness_ns == 0) return nullptr;
  BarSeries& series = instrument.series[time_types_[time_type].index];
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
  const std::int64_t market_time = std::max(instrument.market_time, clock_);
  if (ts_event >= kept.bar.ts_event || market_time - kept.bar.ts_event > config_.allowed_lateness_ns) return nullptr;
  return &kept;
}

bool BarBuilder::fits(Instrument& instrument, const Print& print) const {
  int128 total;
  // No bar's value exceeds the sum over all ticks; only once that sum has overflowed is each bar checked, from then on.
  if (!instrument.value_wrapped &&
      !__builtin_add_overflow(static_cast<int128>(instrument.sums.amount[kValue]), print.value, &total))
    return true;
  const auto sum_fits = [](uint128 sum, int128 part) {
    int128 whole;
    return !__builtin_add_overflow(static_cast<int128>(sum), part, &whole);
  };
  const auto value_of = [&](const OpenBar& bar) { return instrument.sums.amount[kValue] - bar.base.amount[kValue]; };
  const std::int64_t market_time = std::max(instrument.market_time, clock_);
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) {
    const OpenBar& bar = instrument.bars[time_types_[i].index];
    const bool is_late = print.ts_event < time_types_[i].grid.span_of(market_time).start;
    if (is_late) {
      const KeptBar* kept = correctable(instrument, i, print.ts_event);
      if (kept != nullptr && !sum_fits(static_cast<uint128>(kept->bar.value.mantissa), print.value)) return false;
    } else if (!bar.empty() && print.ts_event < instrument.intervals[i].end && !sum_fits(value_of(bar), print.value)) {
      return false;
    }
  }
  for (const ArrivalType& type : arrival_types_) {
    const OpenBar& bar = instrument.bars[type.index];
    const uint128 progress = progress_of(instrument, type);
    const bool is_whole = ends_too_many(type.kind, progress, print, type.step, config_.max_bars_per_tick);
    const int128 part =
        is_whole ? print.quantity : next_part(type.kind, progress, print.quantity, type.step, print.price).quantity;
    if (!bar.empty() && !sum_fits(value_of(bar), part * print.price)) return false;
  }
  instrument.value_wrapped = true;
  instrument.next_end = kNoTime;
  return true;
}

void BarBuilder::flush(Instrument& instrument, std::vector<Bar>& out) {
  std::uint32_t time_type = 0;
  for (std::uint32_t i = 0; i < types_.size(); ++i) {
    const bool is_time = closes_by_time(types_[i]->kind);
    const std::uint32_t interval = is_time ? time_type++ : 0;
    OpenBar& bar = instrument.bars[i];
    if (bar.empty()) continue;
    KeptBar kept{.bar = is_time ? open_time_bar(instrument, interval) : bar.figures(instrument.sums - bar.base),
                 .ts_least = bar.ts_least,
                 .ts_greatest = bar.ts_greatest};
    kept.bar.is_partial = true;
    bar.end();
    bool is_skipped = false;
    if (is_time) {
      is_skipped = !instrument.intervals[interval].began && config_.skip_first_partial;
      instrument.intervals[interval].closed(kept.bar);
    } else if (types_[i]->kind != BarKind::kRange) {
      bar.progress_base = instrument.sums.amount[amount_of(types_[i]->kind)];
    }
    if (!is_skipped) emit(instrument, i, kept, out);
  }
}

std::vector<Bar> BarBuilder::open_bars(const Instrument& instrument) const {
  std::vector<Bar> bars;
  std::uint32_t time_type = 0;
  for (std::uint32_t i = 0; i < types_.size(); ++i) {
    const bool is_time = closes_by_time(types_[i]->kind);
    const std::uint32_t interval = is_time ? time_type++ : 0;
    const OpenBar& bar = instrument.bars[i];
    if (bar.empty()) continue;
    bars.push_back(
        named(instrument, i, is_time ? open_time_bar(instrument, interval) : bar.figures(instrument.sums - bar.base)));
    bars.back().sequence = instrument.series[i].sequence + 1;
  }
  return bars;
}

void BarBuilder::forget(const Instrument& instrument) {
  for (const BarSeries& series : instrument.series) history_.forget(series);
}

void BarBuilder::clear() {
  history_.clear();
  due_.clear();
  clock_ = kNoTime;
  for (TimeType& type : time_types_) type.observed_since = kNever;
  bars_generated_ = bars_revised_ = 0;
}

Bar BarBuilder::named(const Instrument& instrument, std::size_t index, const BarFigures& figures) const {
  return {figures, instrument.id, types_[index]};
}

BarFigures BarBuilder::open_time_bar(const Instrument& instrument, std::uint32_t time_type) const {
  const Interval& interval = instrument.intervals[time_type];
  const OpenBar& open = instrument.bars[time_types_[time_type].index];
  BarFigures bar = open.figures(instrument.sums - open.base);
  bar.ts_open = interval.start;
  bar.ts_event = interval.end;
  // A first bar is partial unless its earliest tick is exactly at its start.
  bar.is_partial = interval.uncovered && open.ts_least != interval.start;
  return bar;
}

// The flat bar for the quiet interval after the last bar of a time type.
BarFigures BarBuilder::flat_bar(const Instrument& instrument, std::uint32_t time_type) const {
  const Interval& interval = instrument.intervals[time_type];
  BarFigures bar;
  bar.open = bar.high = bar.low = bar.close = {interval.last_close};
  bar.ts_open = interval.last_end;
  bar.ts_event = time_types_[time_type].grid.span_of(interval.last_end).end;
  bar.ts_init = interval.last_ts_init;
  bar.is_gap_fill = true;
  return bar;
}

void BarBuilder::emit(Instrument& instrument, std::uint32_t index, KeptBar& kept, std::vector<Bar>& out) {
  BarSeries& series = instrument.series[index];
  kept.bar.sequence = ++series.sequence;
  kept.number = ++bars_generated_;
  out.push_back(named(instrument, index, kept.bar));
  keep(instrument, index, kept);
}

BarSeries* BarBuilder::series_of(std::uint64_t number) const {
  Instrument* found = instrument_of_(number / kBarTypesMax);
  return found == nullptr ? nullptr : &found->series[number % kBarTypesMax];
}

void BarBuilder::keep(Instrument& instrument, std::uint32_t index, const KeptBar& kept) {
  history_.push(
      instrument.index * kBarTypesMax + index, instrument.series[index], kept,
      static_cast<std::size_t>(config_.max_bars_per_instrument),
      [this](std::uint64_t number) { return series_of(number); },
      [this](std::uint64_t number) {
        if (checkpoint_ != nullptr) checkpoint_->before_pop_bar(number);
      });
}

}  // namespace alphaforge::data
