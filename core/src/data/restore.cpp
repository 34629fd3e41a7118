// An engine from the bytes of its snapshot: what describe() in state.cpp writes, in the same order. The bytes may be
// anything: whatever could make a later step go wrong is refused here.
#include <algorithm>

#include "base/snapshot_codec.hpp"
#include "data/engine.hpp"
#include "data/snapshot_format.hpp"
#include "data/times.hpp"
#include "model/names.hpp"

namespace alphaforge::data {
namespace {

void demand(bool holds, const char* otherwise) {
  if (!holds) SnapshotReader::damaged(otherwise);
}

int128 read_sum(SnapshotReader& in) {
  const int128 sum = in.wide();
  demand(sum >= 0, "a sum is negative");
  return sum;
}

std::uint64_t read_counter(SnapshotReader& in) {
  const std::int64_t count = in.number();
  demand(count >= 0, "a counter is negative");
  return static_cast<std::uint64_t>(count);
}

std::int64_t read_price(SnapshotReader& in) {
  const std::int64_t price = in.number();
  demand(price > 0, "a price is not above 0");
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

// Those of a bar, which have not wrapped.
Sums read_bar_sums(SnapshotReader& in) {
  const Sums sums = read_sums(in);
  for (const uint128 sum : sums.amount) demand(static_cast<int128>(sum) >= 0, "a sum is negative");
  for (const uint128 sum : sums.quantity_by_side) demand(static_cast<int128>(sum) >= 0, "a sum is negative");
  const auto& sides = sums.quantity_by_side;
  demand(sides[0] + sides[1] + sides[2] == sums.amount[kVolume], "sides don't add up to a volume");
  demand(sums.amount[kTrades] <= static_cast<uint128>(kNever), "a count of trades is out of range");
  return sums;
}

KeptBar read_kept(SnapshotReader& in) {
  KeptBar kept;
  BarFigures& bar = kept.bar;
  for (Price* const price : {&bar.open, &bar.high, &bar.low, &bar.close}) price->mantissa = read_price(in);
  for (int128* const sum : {&bar.volume.mantissa, &bar.value.mantissa, &bar.buy_volume.mantissa, &bar.sell_volume.mantissa})
    *sum = read_sum(in);
  bar.trade_count = static_cast<std::int64_t>(read_counter(in));
  bar.ts_open = in.number();
  bar.ts_event = in.number();
  bar.ts_init = in.number();
  bar.revision = in.member<std::int32_t>(0, std::numeric_limits<std::int32_t>::max());
  for (bool* const flag : {&bar.is_partial, &bar.is_gap_fill, &bar.is_oversize, &kept.is_uncovered}) *flag = in.flag();
  kept.ts_least = in.number();
  kept.ts_greatest = in.number();
  kept.number = read_counter(in);
  demand(bar.low <= bar.high, "a bar's low is above its high");
  return kept;
}

}  // namespace

void BarBuilder::restore(SnapshotReader& in) {
  std::vector<std::string> names;
  for (std::int64_t rest = in.count(); rest > 0; --rest) names.emplace_back(in.text(kBarTypeBytesMax));
  demand(!names.empty() && names.size() <= kBarTypesMax, "there are no bar types, or too many");
  try {
    types_ = parse_bar_types(names);
  } catch (const InvalidArgument& error) {
    SnapshotReader::damaged(error.what());
  }
  demand(types_.size() == names.size(), "a bar type occurs twice");
  time_types_.clear();
  arrival_types_.clear();
  index_types();
  for (TimeType& type : time_types_) type.observed_since = read_time_or(in, kNever);
  clock_ = read_time_or(in, kBeforeAll);
  bars_generated_ = read_counter(in);
  bars_revised_ = read_counter(in);
}

void BarBuilder::restore(SnapshotReader& in, Instrument& instrument) {
  instrument.market_time = read_time_or(in, kBeforeAll);
  instrument.value_wrapped = in.flag();
  instrument.sums = read_sums(in);
  prepare(instrument);
  for (std::uint32_t i = 0; i < types_.size(); ++i) restore_bar(in, instrument, i);
  for (const ArrivalType& type : arrival_types_) {
    const int128 progress = read_sum(in);
    demand(type.kind == BarKind::kDollar || progress < type.step, "a bar's progress is beyond its step");
    instrument.bars[type.index].progress_base = instrument.sums.amount[amount_of(type.kind)] - static_cast<uint128>(progress);
  }
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) restore_interval(in, instrument, i);
  instrument.next_end = kBeforeAll;  // the next tick looks closely: quiet intervals may be filled now that were not before
  for (std::uint32_t i = 0; i < types_.size(); ++i) restore_series(in, instrument, i);
  expect_close(instrument);
}

void BarBuilder::restore_bar(SnapshotReader& in, Instrument& instrument, std::uint32_t index) const {
  if (!in.flag()) return;
  OpenBar& bar = instrument.bars[index];
  for (std::int64_t* const price : {&bar.open, &bar.high, &bar.low, &bar.close}) *price = read_price(in);
  demand(bar.low <= bar.open && bar.open <= bar.high && bar.low <= bar.close && bar.close <= bar.high, "a price lies outside its bar");
  bar.ts_least = read_time(in);
  bar.ts_greatest = read_time(in);
  bar.ts_init = in.number();
  bar.base = instrument.sums - read_bar_sums(in);
}

void BarBuilder::restore_interval(SnapshotReader& in, Instrument& instrument, std::uint32_t time_type) const {
  const TimeType& type = time_types_[time_type];
  Interval& interval = instrument.intervals[time_type];
  // A start lies on the grid, no later than market time; so does the end of the last bar.
  const auto read_edge = [&] {
    const std::int64_t edge = in.number();
    const bool is_on_grid = edge > -kDayNs && edge < kTimeEnd && floor_to_step(edge, type.step, config_.origin_offset_ns) == edge;
    demand(edge == kBeforeAll || is_on_grid, "an interval is not on the grid of its type");
    return edge;
  };
  if (const std::int64_t start = read_edge(); start != kBeforeAll) interval.move_to(start, type.step);
  interval.last_close = in.number();
  interval.last_ts_init = in.number();
  interval.last_end = read_edge();
  interval.gap_bars = static_cast<std::int64_t>(read_counter(in));
  interval.began = in.flag();
  interval.uncovered = in.flag();
  demand(interval.start <= std::max(instrument.market_time, clock_), "an interval begins after market time");
  demand(!interval.began || (interval.last_end != kBeforeAll && interval.last_close > 0), "a last bar is missing");
  const OpenBar& bar = instrument.bars[type.index];
  demand(bar.empty() || (bar.ts_least >= interval.start && bar.ts_greatest < interval.end), "a tick lies outside its interval");
}

void BarBuilder::restore_series(SnapshotReader& in, Instrument& instrument, std::uint32_t index) {
  BarSeries& series = instrument.series[index];
  const std::uint64_t sequence = read_counter(in);
  const auto count = static_cast<std::uint64_t>(in.count());
  demand(count <= sequence, "there are more bars than were numbered");
  for (std::uint64_t i = 0; i < count; ++i) {
    KeptBar kept = read_kept(in);
    demand(kept.number <= bars_generated_, "a bar's number is out of range");
    kept.bar.sequence = static_cast<std::int64_t>(sequence - count + i + 1);
    keep(instrument, index, kept);
  }
  series.sequence = static_cast<std::int64_t>(sequence);
}

void DataEngine::restore_instrument(SnapshotReader& in) {
  const std::string_view id = in.text(kInstrumentIdBytesMax);
  try {
    check_name(id, "instrument_id", kInstrumentIdBytesMax);
  } catch (const InvalidArgument& error) {
    SnapshotReader::damaged(error.what());
  }
  demand(book_.find(id) == nullptr, "an instrument occurs twice");
  Instrument& instrument = book_.add(id);
  builder_.restore(in, instrument);
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const int128 fingerprint = in.wide();
    demand(fingerprint > 0 && fingerprint >> 64 == 0, "a fingerprint is out of range");
    demand(!instrument.seen.contains(static_cast<std::uint64_t>(fingerprint)), "a fingerprint occurs twice");
    instrument.seen.push(static_cast<std::uint64_t>(fingerprint));
    if (instrument.seen.size() > static_cast<std::size_t>(config_.duplicate_window)) instrument.seen.pop_oldest();
  }
}

void DataEngine::restore_state(std::string_view snapshot) {
  SnapshotReader in(unseal_snapshot(kSnapshotMagic, kSnapshotVersion, snapshot));
  epoch_ = read_counter(in);
  is_running_ = in.flag();
  for (std::uint64_t* const count : {&ticks_processed_, &ticks_rejected_, &duplicate_ticks_, &late_ticks_}) *count = read_counter(in);
  builder_.restore(in);
  for (std::int64_t rest = in.count(); rest > 0; --rest) restore_instrument(in);
  // The names that are left tell whose fingerprints go first.
  while (!in.rest().empty()) {
    const Instrument* instrument = book_.find(in.text(kInstrumentIdBytesMax));
    demand(instrument != nullptr, "an instrument is missing");
    if (instrument->seen.size() != 0) duplicates_.added(instrument->index, instrument->seen.size());
  }
  forget_excess_duplicates();
  add_missing_types(config_.bar_types);
  validate_locked();
}

void DataEngine::restore(std::string_view snapshot) {
  const std::scoped_lock lock(mutex_);
  if (book_.size() != 0 || ticks_processed_ != 0) throw EngineError(Reason::INTERNAL, "only an empty engine can be restored");
  try {
    restore_state(snapshot);
  } catch (const EngineError& error) {
    clear();
    throw EngineError(Reason::JOURNAL_DAMAGED, error.what());
  } catch (...) {
    clear();
    throw;
  }
}

}  // namespace alphaforge::data
