// The engine's state, in one canonical order: for its hash and its snapshot. restore.cpp reads the same back.
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "data/engine.hpp"
#include "data/snapshot_format.hpp"

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
  for (const std::int64_t number : {interval.start, interval.last_close, interval.last_ts_init, interval.last_end, interval.gap_bars})
    sink.number(number);
  sink.number(std::int64_t{interval.began});
  sink.number(std::int64_t{interval.uncovered});
}

template <class Sink>
void describe_kept(Sink& sink, const KeptBar& kept) {
  const BarFigures& bar = kept.bar;
  for (const Price price : {bar.open, bar.high, bar.low, bar.close}) sink.number(price.mantissa);
  for (const int128 sum : {bar.volume.mantissa, bar.value.mantissa, bar.buy_volume.mantissa, bar.sell_volume.mantissa}) sink.number(sum);
  for (const std::int64_t number : {bar.trade_count, bar.ts_open, bar.ts_event, bar.ts_init, std::int64_t{bar.revision}})
    sink.number(number);
  for (const bool flag : {bar.is_partial, bar.is_gap_fill, bar.is_oversize, kept.is_uncovered}) sink.number(std::int64_t{flag});
  for (const std::int64_t number : {kept.ts_least, kept.ts_greatest, static_cast<std::int64_t>(kept.number)}) sink.number(number);
}

}  // namespace

template <class Sink>
void BarBuilder::describe(Sink& sink) const {
  sink.number(static_cast<std::int64_t>(types_.size()));
  for (const auto& type : types_) sink.text(type->name);
  for (const TimeType& type : time_types_) sink.number(type.observed_since);
  sink.number(clock_);
  sink.number(static_cast<std::int64_t>(bars_generated_));
  sink.number(static_cast<std::int64_t>(bars_revised_));
}

template <class Sink>
void BarBuilder::describe(Sink& sink, const Instrument& instrument) const {
  sink.number(instrument.market_time);
  sink.number(std::int64_t{instrument.value_wrapped});
  describe_sums(sink, instrument.sums);
  for (const OpenBar& bar : instrument.bars) describe_bar(sink, instrument.sums, bar);
  for (const ArrivalType& type : arrival_types_)
    sink.number(static_cast<int128>(instrument.sums.amount[amount_of(type.kind)] - instrument.bars[type.index].progress_base));
  for (const Interval& interval : instrument.intervals) describe_interval(sink, interval);
  for (const BarSeries& series : instrument.series) {
    sink.number(series.sequence);
    sink.number(static_cast<std::int64_t>(series.size()));
    for (std::size_t i = 0; i < series.size(); ++i) describe_kept(sink, series[i]);
  }
}

template <class Sink>
void DataEngine::describe(Sink& sink) const {
  // Which state came after which reset decides nothing about bars.
  sink.wall_clock(static_cast<std::int64_t>(epoch_));
  sink.number(std::int64_t{is_running_});
  for (const std::uint64_t count : {ticks_processed_, ticks_rejected_, duplicate_ticks_, late_ticks_})
    sink.number(static_cast<std::int64_t>(count));
  builder_.describe(sink);
  sink.number(static_cast<std::int64_t>(book_.size()));
  book_.each([&](Instrument& instrument) {
    instrument.settle();
    sink.text(*instrument.id);
    builder_.describe(sink, instrument);
    sink.number(static_cast<std::int64_t>(instrument.seen.size()));
    for (std::size_t i = 0; i < instrument.seen.size(); ++i) sink.number(static_cast<int128>(instrument.seen[i]));
  });
  // Whose entries go first, by name: numbers have gaps where instruments were forgotten.
  duplicates_.each([&](std::uint64_t instrument) { sink.text(*book_.at(instrument)->id); });
}

std::uint64_t DataEngine::state_hash() const {
  const std::scoped_lock lock(mutex_);
  StateHash hash;
  describe(hash);
  return hash.value();
}

std::string DataEngine::snapshot() const {
  const std::scoped_lock lock(mutex_);
  SnapshotWriter out;
  describe(out);
  return seal_snapshot(kSnapshotMagic, kSnapshotVersion, out.take());
}

}  // namespace alphaforge::data
