// The engine's state, in one canonical order: for its hash and its snapshot. restore.cpp reads the same back.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "data/aggregator.hpp"
#include "data/arrival_bars.hpp"
#include "data/bar_builder.hpp"
#include "data/bar_history.hpp"
#include "data/checkpoint.hpp"
#include "data/describe.hpp"
#include "data/instrument.hpp"
#include "data/interval.hpp"
#include "data/open_bar.hpp"
#include "data/snapshot_format.hpp"
#include "data/time_bars.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge::data {
namespace {

template <class Sink>
void describe_sums(Sink& sink, const Sums& sums) {
  for (const uint128 amount : sums.amount) sink.number(static_cast<int128>(amount));
  for (const uint128 quantity : sums.quantity_by_side) sink.number(static_cast<int128>(quantity));
}

template <class Sink>
void describe_bar(Sink& sink, const Sums& sums, const OpenBar& bar) {
  sink.number(std::int64_t{!bar.empty()});
  if (bar.empty()) return;
  for (const std::int64_t price : {bar.open, bar.high, bar.low, bar.close}) sink.number(price);
  for (const std::int64_t time : {bar.ts_least, bar.ts_greatest, bar.ts_init}) sink.number(time);
  describe_sums(sink, sums - bar.base);
}

template <class Sink>
void describe_interval(Sink& sink, const Interval& interval) {
  for (const std::int64_t number :
       {interval.start, interval.last_close, interval.last_ts_init, interval.last_end, interval.gap_bars})
    sink.number(number);
  sink.number(std::int64_t{interval.began});
  sink.number(std::int64_t{interval.uncovered});
}

}  // namespace

template <class Sink>
void TimeBars::describe(Sink& sink) const {
  for (const Type& type : types_) sink.number(type.observed_since);
  sink.number(clock_);
}

template <class Sink>
void ArrivalBars::describe_progress(Sink& sink, const Instrument& instrument) const {
  for (const Type& type : types_) {
    if (type.kind == BarKind::kRange) continue;  // follows from the bar
    sink.number(static_cast<int128>(progress_of(instrument, type)));
  }
}

template <class Sink>
void BarBuilder::describe(Sink& sink) const {
  sink.number(static_cast<std::int64_t>(types_.size()));
  for (const auto& type : types_) sink.text(type->name);
  for (const std::string& name : named_clocks()) {
    const auto calendar = find_calendar(name, clocks_.calendars);
    sink.text(calendar == nullptr ? find_zone(name, clocks_.zones)->rules() : calendar->text());
  }
  time_bars_.describe(sink);
  sink.number(static_cast<std::int64_t>(bars_generated()));
  sink.number(static_cast<std::int64_t>(bars_revised()));
}

template <class Sink>
void BarBuilder::describe_open(Sink& sink, const Instrument& instrument) const {
  sink.number(instrument.market_time);
  sink.number(std::int64_t{instrument.checks_bars});
  describe_sums(sink, instrument.sums);
  for (const OpenBar& bar : instrument.bars) describe_bar(sink, instrument.sums, bar);
  arrival_bars_.describe_progress(sink, instrument);
  for (const Interval& interval : instrument.intervals) describe_interval(sink, interval);
}

template <class Sink>
void BarBuilder::describe(Sink& sink, const Instrument& instrument) const {
  describe_open(sink, instrument);
  for (const BarSeries& series : instrument.series) {
    sink.number(series.sequence);
    sink.number(static_cast<std::int64_t>(series.size()));
    for (std::size_t i = 0; i < series.size(); ++i) describe_kept(sink, series[i]);
  }
}

template <class Sink>
void Aggregator::describe_engine(Sink& sink) const {
  // Bars don't depend on the number of resets.
  sink.wall_clock(static_cast<std::int64_t>(epoch_));
  sink.number(std::int64_t{is_running_});
  for (const std::uint64_t count : {ticks_processed_, ticks_rejected_, duplicate_ticks_, late_ticks_})
    sink.number(static_cast<std::int64_t>(count));
  builder_.describe(sink);
}

template <class Sink>
void Aggregator::describe(Sink& sink) const {
  describe_engine(sink);
  sink.number(static_cast<std::int64_t>(book_.size()));
  book_.each([&](Instrument& instrument) {
    instrument.flush_pending();
    sink.text(*instrument.id);
    builder_.describe(sink, instrument);
    sink.number(static_cast<std::int64_t>(instrument.seen.size()));
    for (std::size_t i = 0; i < instrument.seen.size(); ++i) sink.number(static_cast<int128>(instrument.seen[i]));
  });
  // The order in which instruments lose entries, by name: numbers have gaps if instruments were forgotten.
  duplicates_.each([&](std::uint64_t instrument) { sink.text(*book_.at(instrument)->id); });
}

std::uint64_t Aggregator::state_hash() const {
  StateHash hash;
  describe(hash);
  return hash.value();
}

std::string Aggregator::snapshot() const {
  SnapshotWriter out;
  describe(out);
  return seal_snapshot(kSnapshotMagic, kSnapshotVersion, out.view());
}

template void BarBuilder::describe_open(SnapshotWriter& sink, const Instrument& instrument) const;

std::uint32_t Aggregator::begin_checkpoint(const CheckpointLimits& limits) {
  Checkpoint& checkpoint = checkpoint_.begin(limits, book_, builder_);
  SnapshotWriter& head = checkpoint.head();
  describe_engine(head);
  // The order in which instruments lose entries, by number.
  duplicates_.each([&](std::uint64_t instrument) { head.number(static_cast<std::int64_t>(instrument)); });
  head.number(std::int64_t{-1});
  checkpoint.check_head([&](StateHash& hash) {
    describe_engine(hash);
    duplicates_.each([&](std::uint64_t instrument) { hash.text(*book_.at(instrument)->id); });
  });
  return checkpoint_.last_number();
}

}  // namespace alphaforge::data
