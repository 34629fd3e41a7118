// The bars of an engine from the bytes of its snapshot or the records of its checkpoint, which state.cpp and
// checkpoint.cpp write. The bytes may be anything: whatever could make a later step go wrong is refused here.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/snapshot_codec.hpp"
#include "base/time.hpp"
#include "data/arrival_bars.hpp"
#include "data/bar_builder.hpp"
#include "data/bar_history.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/interval.hpp"
#include "data/open_bar.hpp"
#include "data/time_bars.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"
#include "model/numbers.hpp"
#include "model/time_zone.hpp"
#include "model/trading_calendar.hpp"

namespace alphaforge::data {
namespace {

int128 read_sum(SnapshotReader& in) {
  const int128 sum = in.wide();
  demand(sum >= 0, "a sum is negative");
  return sum;
}

// The fewest bytes that describe_kept() writes.
constexpr std::size_t kBarBytesMin = 20;
constexpr std::size_t kZoneRulesBytesMax = std::size_t{1} << 16;
// No interval begins earlier: the longest one that ends after 1970 has 366 days.
constexpr std::int64_t kEarliest = -368 * kDayNs;
constexpr std::int32_t kRevisionMax = std::int32_t{1} << 30;

// Only an instrument whose bars are checked has seen prices that were not above 0.
std::int64_t read_price(SnapshotReader& in, const Instrument& instrument) {
  const std::int64_t price = in.number();
  demand(is_tradable({price}, instrument.checks_bars), "a price is not above 0");
  return price;
}

std::int64_t read_time(SnapshotReader& in) {
  const std::int64_t time = in.number();
  demand(is_time(time), "a time is out of range");
  return time;
}

std::int64_t read_time_or(SnapshotReader& in, std::int64_t absent) {
  const std::int64_t time = in.number();
  demand(time == absent || is_time(time), "a time is out of range");
  return time;
}

Sums read_sums(SnapshotReader& in) {
  Sums sums;
  for (uint128& amount : sums.amount) amount = static_cast<uint128>(in.wide());
  for (uint128& quantity : sums.quantity_by_side) quantity = static_cast<uint128>(in.wide());
  return sums;
}

// The sums of a bar, which must not have wrapped.
Sums read_bar_sums(SnapshotReader& in, const Instrument& instrument) {
  const Sums sums = read_sums(in);
  for (const std::size_t amount : {kTrades, kVolume, kValue})
    demand(static_cast<int128>(sums.amount[amount]) >= 0 || (amount == kValue && instrument.checks_bars),
           "a sum is negative");
  for (const uint128 sum : sums.quantity_by_side) demand(static_cast<int128>(sum) >= 0, "a sum is negative");
  const auto& sides = sums.quantity_by_side;
  demand(sides[0] + sides[1] + sides[2] == sums.amount[kVolume], "sides don't add up to a volume");
  demand(sums.amount[kTrades] <= static_cast<uint128>(SnapshotReader::kCountMax), "a count of trades is out of range");
  // No price is below one unit, so that volumes fit wherever values do.
  demand(instrument.checks_bars || sums.amount[kVolume] <= sums.amount[kValue], "a volume is greater than its value");
  return sums;
}

KeptBar read_kept(SnapshotReader& in, const Instrument& instrument) {
  KeptBar kept;
  BarFigures& bar = kept.bar;
  for (Price* const price : {&bar.open, &bar.high, &bar.low, &bar.close}) price->mantissa = read_price(in, instrument);
  bar.volume.mantissa = read_sum(in);
  bar.value.mantissa = instrument.checks_bars ? in.wide() : read_sum(in);
  for (int128* const sum : {&bar.buy_volume.mantissa, &bar.sell_volume.mantissa}) *sum = read_sum(in);
  bar.trade_count = in.counter();
  demand(instrument.checks_bars || bar.volume.mantissa <= bar.value.mantissa, "a volume is greater than its value");
  demand(bar.buy_volume.mantissa <= bar.volume.mantissa &&
             bar.sell_volume.mantissa <= bar.volume.mantissa - bar.buy_volume.mantissa,
         "sides are more than a volume");
  for (std::int64_t* const edge : {&bar.ts_open, &bar.ts_event}) {
    *edge = in.number();
    demand(*edge > kEarliest, "a time is out of range");
  }
  bar.ts_init = in.number();
  bar.revision = in.member<std::int32_t>(0, kRevisionMax);
  for (bool* const flag : {&bar.is_partial, &bar.is_gap_fill, &bar.is_oversize, &kept.is_uncovered}) *flag = in.flag();
  kept.ts_least = in.number();
  kept.ts_greatest = in.number();
  kept.number = in.counter<std::uint64_t>();
  demand(bar.low <= bar.high, "a bar's low is above its high");
  return kept;
}

}  // namespace

void TimeBars::restore(SnapshotReader& in) {
  for (Type& type : types_) type.observed_since = read_time_or(in, kNever);
  clock_ = read_time_or(in, kNoTime);
}

void TimeBars::restore_intervals(SnapshotReader& in, Instrument& instrument) const {
  for (std::uint32_t i = 0; i < size(); ++i) restore_interval(in, instrument, i);
}

void TimeBars::restore_interval(SnapshotReader& in, Instrument& instrument, std::uint32_t number) const {
  const Type& type = types_[number];
  Interval& interval = instrument.intervals[number];
  // A start lies on the grid, no later than market time. So does the end of the last bar, which stop() may have closed
  // in the last interval of all.
  const auto read_edge = [&](std::int64_t last) {
    const std::int64_t edge = in.number();
    const bool is_on_grid = edge > kEarliest && edge <= last && type.grid.span_of(edge).start == edge;
    demand(edge == kNoTime || is_on_grid, "an interval is not on the grid of its type");
    return edge;
  };
  if (const std::int64_t start = read_edge(kTimeEnd - 1); start != kNoTime) interval.move_to(type.grid.span_of(start));
  interval.last_close = in.number();
  interval.last_ts_init = in.number();
  interval.last_end = read_edge(std::numeric_limits<std::int64_t>::max());
  interval.gap_bars = in.counter();
  interval.began = in.flag();
  interval.uncovered = in.flag();
  demand(interval.start <= std::max(instrument.market_time, clock_), "an interval begins after market time");
  demand(
      !interval.began || (interval.last_end != kNoTime && is_tradable({interval.last_close}, instrument.checks_bars)),
      "a last bar is missing");
  const OpenBar& bar = instrument.bars[type.index];
  demand(bar.empty() || (bar.ts_least >= interval.start && bar.ts_greatest < interval.end),
         "a tick lies outside its interval");
}

void ArrivalBars::restore_progress(SnapshotReader& in, Instrument& instrument) const {
  for (const Type& type : types_) {
    if (type.kind == BarKind::kRange) {
      demand(progress_of(instrument, type) < static_cast<uint128>(type.step), "a bar's range is beyond its step");
      continue;
    }
    const int128 progress = read_sum(in);
    demand(type.kind == BarKind::kDollar || progress < type.step, "a bar's progress is beyond its step");
    instrument.bars[type.index].progress_base =
        instrument.sums.amount[amount_of(type.kind)] - static_cast<uint128>(progress);
  }
}

void BarBuilder::restore(SnapshotReader& in) {
  std::vector<std::string> names;
  for (std::int64_t rest = in.count(); rest > 0; --rest) names.emplace_back(in.text(kBarTypeBytesMax));
  demand(!names.empty() && names.size() <= kBarTypesMax, "there are no bar types, or too many");
  numbers_.clear();
  time_bars_.clear_types();
  arrival_bars_.clear_types();
  try {
    types_ = parse_bar_types(names);
    Clocks clocks;
    for (const std::string& name : named_clocks()) {
      const std::string_view text = in.text(kZoneRulesBytesMax);
      if (TradingCalendar::is_one(text)) {
        clocks.calendars.push_back(std::make_shared<const TradingCalendar>(TradingCalendar::parse(text)));
        demand(clocks.calendars.back()->name() == name, "a calendar is missing");
        continue;
      }
      clocks.zones.push_back(std::make_shared<const TimeZone>(TimeZone::parse(text)));
      demand(clocks.zones.back()->name() == name, "the rules of a time zone are missing");
    }
    clocks_ = {joined(std::move(clocks.zones), clocks_.zones), joined(std::move(clocks.calendars), clocks_.calendars)};
    number_types();
  } catch (const InvalidArgument& error) {
    SnapshotReader::damaged(error.what());
  }
  demand(types_.size() == names.size(), "a bar type occurs twice");
  time_bars_.restore(in);
  const auto generated = in.counter<std::uint64_t>();
  closed_.set_counts(generated, in.counter<std::uint64_t>());
}

void BarBuilder::restore(SnapshotReader& in, Instrument& instrument) {
  restore_open(in, instrument);
  for (std::uint32_t i = 0; i < types_.size(); ++i) restore_series(in, instrument, i);
  time_bars_.expect_close(instrument);
}

void BarBuilder::restore_open(SnapshotReader& in, Instrument& instrument) {
  instrument.market_time = read_time_or(in, kNoTime);
  instrument.checks_bars = in.flag();
  instrument.sums = read_sums(in);
  prepare(instrument);
  for (std::uint32_t i = 0; i < types_.size(); ++i) restore_bar(in, instrument, i);
  arrival_bars_.restore_progress(in, instrument);
  time_bars_.restore_intervals(in, instrument);
  instrument.next_end = kNoTime;  // slow path for the next tick: settings may now fill quiet intervals
}

void BarBuilder::expect_bars(std::size_t bytes) { bars_expected_ = bytes / kBarBytesMin; }

// Its bars come with later records.
void BarBuilder::restore_record(SnapshotReader& in, Instrument& instrument) {
  restore_open(in, instrument);
  for (BarSeries& series : instrument.series) {
    const std::uint64_t sequence = in.counter<std::uint64_t>();
    const std::uint64_t count = in.counter<std::uint64_t>();
    demand(count <= sequence && count <= bars_generated(), "there are more bars than were numbered");
    demand(count <= bars_expected_, "there are more bars than records");
    bars_expected_ -= count;
    series.restore(static_cast<std::int64_t>(sequence), count);
  }
}

void BarBuilder::restore_bars(SnapshotReader& in, Instrument& instrument) {
  const std::int64_t type = in.number();
  demand(type >= 0 && type < static_cast<std::int64_t>(types_.size()), "a bar's type is unknown");
  BarSeries& series = instrument.series[static_cast<std::size_t>(type)];
  std::int64_t sequence = in.number();
  for (std::int64_t rest = in.count(); rest > 0; --rest, ++sequence) {
    demand(sequence >= series.first_sequence() && sequence <= series.sequence, "a bar's sequence is out of range");
    KeptBar& kept = series.at(sequence);
    demand(kept.number == 0, "a bar occurs twice");
    KeptBar read = read_kept(in, instrument);
    demand(read.number > 0 && read.number <= bars_generated(), "a bar's number is out of range");
    read.bar.sequence = sequence;
    kept = read;
  }
}

void BarBuilder::finish_restore(const EachInstrument& each_instrument) {
  each_instrument([&](Instrument& instrument) {
    for (const BarSeries& series : instrument.series)
      for (std::size_t i = 0; i < series.size(); ++i) demand(series[i].number != 0, "a bar is missing");
    closed_.adopt(instrument);
  });
  // Applies smaller limits, which keep the newest bars, and schedules the ends of intervals.
  reconfigure(DataEngineConfig(config_), each_instrument);
}

void BarBuilder::restore_bar(SnapshotReader& in, Instrument& instrument, std::uint32_t type) const {
  if (!in.flag()) return;
  OpenBar& bar = instrument.bars[type];
  for (std::int64_t* const price : {&bar.open, &bar.high, &bar.low, &bar.close}) *price = read_price(in, instrument);
  demand(bar.low <= bar.open && bar.open <= bar.high && bar.low <= bar.close && bar.close <= bar.high,
         "a price lies outside its bar");
  bar.ts_least = read_time(in);
  bar.ts_greatest = read_time(in);
  bar.ts_init = in.number();
  bar.base = instrument.sums - read_bar_sums(in, instrument);
}

void BarBuilder::restore_series(SnapshotReader& in, Instrument& instrument, std::uint32_t type) {
  BarSeries& series = instrument.series[type];
  const std::uint64_t sequence = in.counter<std::uint64_t>();
  const auto count = static_cast<std::uint64_t>(in.count());
  demand(count <= sequence, "there are more bars than were numbered");
  for (std::uint64_t i = 0; i < count; ++i) {
    KeptBar kept = read_kept(in, instrument);
    demand(kept.number <= bars_generated(), "a bar's number is out of range");
    kept.bar.sequence = static_cast<std::int64_t>(sequence - count + i + 1);
    closed_.keep(instrument, type, kept);
  }
  series.sequence = static_cast<std::int64_t>(sequence);
}

}  // namespace alphaforge::data
