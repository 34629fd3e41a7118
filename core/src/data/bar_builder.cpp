#include "data/bar_builder.hpp"

#include <algorithm>

#include "data/dollar_bars.hpp"
#include "data/tick_bars.hpp"
#include "data/volume_bars.hpp"

namespace alphaforge::data {

BarBuilder::BarBuilder(const DataEngineConfig& config, InstrumentOf instrument_of)
    : config_(config),
      instrument_of_(std::move(instrument_of)),
      types_(parse_bar_types(config.bar_types)),
      history_(config.max_memory_bytes) {
  index_types();
}

int BarBuilder::index_of(const BarType& type) const {
  for (std::size_t i = 0; i < types_.size(); ++i)
    if (*types_[i] == type) return static_cast<int>(i);
  return -1;
}

// Types are only ever appended, so that the state of the known ones keeps its place.
void BarBuilder::index_types() {
  for (std::size_t i = time_types_.size() + arrival_types_.size(); i < types_.size(); ++i) {
    const BarType& type = *types_[i];
    const auto index = static_cast<std::uint32_t>(i);
    if (type.kind == BarKind::kTime)
      time_types_.push_back({index, type.step64(), kNever});
    else
      arrival_types_.push_back({index, type.kind, {type.step, config_.max_bars_per_tick}});
  }
}

void BarBuilder::add_type(std::shared_ptr<const BarType> type) {
  config_.bar_types.push_back(type->name);
  types_.push_back(std::move(type));
  index_types();
}

void BarBuilder::prepare(Instrument& instrument) const {
  instrument.series.resize(types_.size());
  instrument.arrival_bars.resize(arrival_types_.size());
  const std::size_t known = instrument.time_bars.size();
  instrument.time_bars.resize(time_types_.size());
  if (instrument.market_time == kBeforeAll) return;
  // The intervals of types that were added later hold the instrument's market time, like all others.
  for (std::size_t i = known; i < time_types_.size(); ++i) {
    const std::int64_t step = time_types_[i].step;
    instrument.time_bars[i].move_to(floor_to_step(instrument.market_time, step, config_.origin_offset_ns), step);
    instrument.next_end = std::min(instrument.next_end, instrument.time_bars[i].end);
  }
}

bool BarBuilder::apply(Instrument& instrument, const Print& print, std::vector<Bar>& out) {
  if (print.ts_event >= instrument.next_end || clock_ > instrument.market_time)
    move_market_time(instrument, std::max({instrument.market_time, clock_, print.ts_event}), out);
  else
    instrument.market_time = std::max(instrument.market_time, print.ts_event);

  bool is_late = false;
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) {
    TimeBars& bars = instrument.time_bars[i];
    if (print.ts_event < bars.start) {
      is_late = true;
      apply_late(instrument, i, print, out);
      continue;
    }
    if (bars.bar.empty()) open_interval(instrument, i);
    bars.bar.add_by_time(print);
  }
  // Only time bars know a price without a trade.
  if (print.quantity != 0) apply_by_arrival(instrument, print, out);
  return is_late;
}

void BarBuilder::apply_by_arrival(Instrument& instrument, const Print& print, std::vector<Bar>& out) {
  for (std::size_t i = 0; i < arrival_types_.size(); ++i) {
    const ArrivalType& type = arrival_types_[i];
    ArrivalBars& bars = instrument.arrival_bars[i];
    const auto close = [&](OpenBar& sums, bool is_oversize) {
      KeptBar kept{.bar = bar_of(instrument, type.index, sums), .ts_least = sums.ts_least, .ts_greatest = sums.ts_greatest};
      kept.bar.is_oversize = is_oversize;
      sums = OpenBar();
      emit(instrument, type.index, std::move(kept), out);
    };
    switch (type.kind) {
      case BarKind::kTick:
        add_to_tick_bars(bars, print, type.rule, close);
        break;
      case BarKind::kVolume:
        add_to_volume_bars(bars, print, type.rule, close);
        break;
      case BarKind::kDollar:
        add_to_dollar_bars(bars, print, type.rule, close);
        break;
      case BarKind::kTime:
        break;
    }
  }
}

void BarBuilder::move_market_time(Instrument& instrument, std::int64_t to, std::vector<Bar>& out) {
  closings_.clear();
  collect_closings(instrument, to);
  close_collected(to, out);
  instrument.market_time = to;
  instrument.next_end = kNever;
  for (std::size_t i = 0; i < time_types_.size(); ++i) {
    TimeBars& bars = instrument.time_bars[i];
    const std::int64_t step = time_types_[i].step;
    if (to >= bars.end) bars.move_to(floor_to_step(to, step, config_.origin_offset_ns), step);
    instrument.next_end = std::min(instrument.next_end, bars.end);
  }
  if (config_.fill_gaps) expect_close(instrument);
}

void BarBuilder::advance(std::int64_t now, std::vector<Bar>& out) {
  for (TimeType& type : time_types_) type.observed_since = std::min(type.observed_since, now);
  if (now <= clock_) return;
  clock_ = now;
  std::vector<Instrument*> due;
  while (due_.due(now)) {
    std::uint64_t index = 0;
    const auto ticket_of = [&](std::uint64_t item) {
      Instrument* instrument = instrument_of_(item);
      return instrument == nullptr ? nullptr : &instrument->due;
    };
    if (due_.pop(index, ticket_of)) due.push_back(instrument_of_(index));
  }
  closings_.clear();
  for (const Instrument* instrument : due) collect_closings(*instrument, now);
  close_collected(now, out);
  for (Instrument* instrument : due) expect_close(*instrument);
}

void BarBuilder::collect_closings(const Instrument& instrument, std::int64_t to) {
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) {
    const std::int64_t end = instrument.time_bars[i].next_close(time_types_[i].step, gap_bars_max());
    if (end > to) continue;
    closings_.push_back({end, instrument.index, i});
    std::push_heap(closings_.begin(), closings_.end(), std::greater<>());
  }
}

// By end, then first seen, then configured order. A closed interval may be followed by flat ones, each at its own place.
void BarBuilder::close_collected(std::int64_t to, std::vector<Bar>& out) {
  while (!closings_.empty()) {
    std::pop_heap(closings_.begin(), closings_.end(), std::greater<>());
    Closing closing = closings_.back();
    closings_.pop_back();
    Instrument& instrument = *instrument_of_(closing.instrument);
    close_interval(instrument, closing.type, out);
    closing.end = instrument.time_bars[closing.type].next_close(time_types_[closing.type].step, gap_bars_max());
    if (closing.end > to) continue;
    closings_.push_back(closing);
    std::push_heap(closings_.begin(), closings_.end(), std::greater<>());
  }
}

void BarBuilder::close_interval(Instrument& instrument, std::uint32_t time_type, std::vector<Bar>& out) {
  TimeBars& bars = instrument.time_bars[time_type];
  const TimeType& type = time_types_[time_type];
  KeptBar kept;
  if (bars.bar.empty()) {
    OpenBar flat;
    flat.open = flat.high = flat.low = flat.close = bars.last_close;
    flat.ts_init = bars.last_ts_init;
    kept.bar = bar_of(instrument, type.index, flat);
    kept.bar.is_gap_fill = true;
    kept.bar.ts_open = bars.last_end;
    kept.bar.ts_event = bars.last_end + type.step;
    ++bars.gap_bars;
  } else {
    kept = {.bar = open_time_bar(instrument, time_type),
            .ts_least = bars.bar.ts_least,
            .ts_greatest = bars.bar.ts_greatest,
            .is_uncovered = bars.uncovered};
    bars.bar = OpenBar();
  }
  const bool is_skipped = !bars.began && kept.bar.is_partial && config_.skip_first_partial;
  bars.began = true;
  bars.last_close = kept.bar.close.mantissa;
  bars.last_ts_init = kept.bar.ts_init;
  bars.last_end = kept.bar.ts_event;
  bars.move_to(kept.bar.ts_event, type.step);
  if (!is_skipped) emit(instrument, type.index, std::move(kept), out);
}

void BarBuilder::expect_close(Instrument& instrument) {
  for (std::size_t i = 0; i < time_types_.size(); ++i)
    due_.expect(instrument.index, instrument.time_bars[i].next_close(time_types_[i].step, gap_bars_max()), instrument.due);
}

void BarBuilder::open_interval(Instrument& instrument, std::uint32_t time_type) {
  TimeBars& bars = instrument.time_bars[time_type];
  bars.gap_bars = 0;
  bars.uncovered = !bars.began && time_types_[time_type].observed_since > bars.start;
  due_.expect(instrument.index, bars.end, instrument.due);
}

void BarBuilder::apply_late(Instrument& instrument, std::uint32_t time_type, const Print& print, std::vector<Bar>& out) {
  KeptBar* kept = correctable(instrument, time_type, print.ts_event);
  if (kept == nullptr) return;
  correct(*kept, print);
  ++bars_revised_;
  out.push_back(kept->bar);
  TimeBars& bars = instrument.time_bars[time_type];
  if (kept->bar.sequence == instrument.series[time_types_[time_type].index].sequence) {
    bars.last_close = kept->bar.close.mantissa;
    bars.last_ts_init = kept->bar.ts_init;
  }
}

// The kept bar in whose interval a late tick falls, while lateness is allowed.
KeptBar* BarBuilder::correctable(const Instrument& instrument, std::uint32_t time_type, std::int64_t ts_event) const {
  if (config_.allowed_lateness_ns == 0) return nullptr;
  const BarSeries& series = instrument.series[time_types_[time_type].index];
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
  const KeptBar& kept = series[first - 1];
  const std::int64_t market_time = std::max(instrument.market_time, clock_);
  if (ts_event >= kept.bar.ts_event || market_time - kept.bar.ts_event > config_.allowed_lateness_ns) return nullptr;
  return const_cast<KeptBar*>(&kept);
}

bool BarBuilder::fits(const Instrument& instrument, const Print& print) const {
  const auto sum_fits = [](int128 sum, int128 part) {
    int128 total;
    return !__builtin_add_overflow(sum, part, &total);
  };
  const std::int64_t market_time = std::max(instrument.market_time, clock_);
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) {
    const TimeBars& bars = instrument.time_bars[i];
    const bool is_late = print.ts_event < floor_to_step(market_time, time_types_[i].step, config_.origin_offset_ns);
    if (is_late) {
      const KeptBar* kept = correctable(instrument, i, print.ts_event);
      if (kept != nullptr && !sum_fits(kept->bar.value.mantissa, print.value)) return false;
    } else if (!bars.bar.empty() && print.ts_event < bars.end && !sum_fits(bars.bar.value, print.value)) {
      return false;
    }
  }
  for (std::size_t i = 0; i < arrival_types_.size(); ++i) {
    const ArrivalBars& bars = instrument.arrival_bars[i];
    const ArrivalRule& rule = arrival_types_[i].rule;
    int128 part = print.quantity;
    uint128 total = static_cast<uint128>(bars.progress);
    if (arrival_types_[i].kind == BarKind::kVolume) {
      total += static_cast<uint128>(print.quantity);
      if (!exceeds(total, rule)) part = volume_part(bars, print.quantity, rule.step);
    } else if (arrival_types_[i].kind == BarKind::kDollar) {
      total += static_cast<uint128>(print.value);
      if (print.quantity <= rule.bars_max || !exceeds(total, rule)) part = dollar_part(bars, print, print.quantity, rule.step);
    }
    if (!sum_fits(bars.bar.value, part * print.price)) return false;
  }
  return true;
}

void BarBuilder::flush(Instrument& instrument, std::vector<Bar>& out) {
  std::uint32_t time_type = 0;
  std::size_t arrival_type = 0;
  for (std::uint32_t i = 0; i < types_.size(); ++i) {
    if (types_[i]->kind == BarKind::kTime) {
      TimeBars& bars = instrument.time_bars[time_type];
      if (!bars.bar.empty()) {
        const bool is_skipped = !bars.began && config_.skip_first_partial;
        KeptBar kept{.bar = open_time_bar(instrument, time_type), .ts_least = bars.bar.ts_least, .ts_greatest = bars.bar.ts_greatest};
        kept.bar.is_partial = true;
        bars.bar = OpenBar();
        bars.began = true;
        bars.last_close = kept.bar.close.mantissa;
        bars.last_ts_init = kept.bar.ts_init;
        bars.last_end = kept.bar.ts_event;
        if (!is_skipped) emit(instrument, i, std::move(kept), out);
      }
      ++time_type;
    } else {
      ArrivalBars& bars = instrument.arrival_bars[arrival_type++];
      if (bars.bar.empty()) continue;
      KeptBar kept{.bar = bar_of(instrument, i, bars.bar), .ts_least = bars.bar.ts_least, .ts_greatest = bars.bar.ts_greatest};
      kept.bar.is_partial = true;
      bars = ArrivalBars();
      emit(instrument, i, std::move(kept), out);
    }
  }
}

std::vector<Bar> BarBuilder::open_bars(const Instrument& instrument) const {
  std::vector<Bar> bars;
  std::uint32_t time_type = 0;
  std::size_t arrival_type = 0;
  for (std::uint32_t i = 0; i < types_.size(); ++i) {
    const bool is_time = types_[i]->kind == BarKind::kTime;
    const OpenBar& sums = is_time ? instrument.time_bars[time_type].bar : instrument.arrival_bars[arrival_type].bar;
    if (!sums.empty()) {
      bars.push_back(is_time ? open_time_bar(instrument, time_type) : bar_of(instrument, i, sums));
      bars.back().sequence = instrument.series[i].sequence + 1;
    }
    if (is_time)
      ++time_type;
    else
      ++arrival_type;
  }
  return bars;
}

void BarBuilder::forget(const Instrument& instrument) {
  for (const BarSeries& series : instrument.series) history_.forget(series);
}

void BarBuilder::clear() {
  history_.clear();
  due_.clear();
  clock_ = kBeforeAll;
  for (TimeType& type : time_types_) type.observed_since = kNever;
  bars_generated_ = bars_revised_ = 0;
}

Bar BarBuilder::bar_of(const Instrument& instrument, std::uint32_t index, const OpenBar& sums) const {
  Bar bar;
  bar.instrument_id = instrument.id;
  bar.bar_type = types_[index];
  bar.open = {sums.open};
  bar.high = {sums.high};
  bar.low = {sums.low};
  bar.close = {sums.close};
  bar.volume = {sums.volume()};
  bar.value = {sums.value};
  bar.buy_volume = {sums.quantity_by_side[1]};
  bar.sell_volume = {sums.quantity_by_side[2]};
  bar.trade_count = sums.trade_count;
  bar.ts_open = sums.ts_least;
  bar.ts_event = sums.ts_greatest;
  bar.ts_init = sums.ts_init;
  return bar;
}

Bar BarBuilder::open_time_bar(const Instrument& instrument, std::uint32_t time_type) const {
  const TimeBars& bars = instrument.time_bars[time_type];
  Bar bar = bar_of(instrument, time_types_[time_type].index, bars.bar);
  bar.ts_open = bars.start;
  bar.ts_event = bars.end;
  bar.is_partial = bars.is_partial();
  return bar;
}

void BarBuilder::emit(Instrument& instrument, std::uint32_t index, KeptBar kept, std::vector<Bar>& out) {
  BarSeries& series = instrument.series[index];
  kept.bar.sequence = ++series.sequence;
  kept.number = ++bars_generated_;
  out.push_back(kept.bar);
  const auto series_of = [this](std::uint64_t number) {
    Instrument* found = instrument_of_(number / kBarTypesMax);
    return found == nullptr ? nullptr : &found->series[number % kBarTypesMax];
  };
  history_.push(instrument.index * kBarTypesMax + index, series, std::move(kept),
                static_cast<std::size_t>(config_.max_bars_per_instrument), series_of);
}

}  // namespace alphaforge::data
