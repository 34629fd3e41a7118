// An engine from the bytes of its snapshot, which is what describe() in state.cpp writes, in the same order, or from
// the records of its checkpoint (checkpoint.hpp). The bytes may be anything: whatever could make a later step go wrong
// is refused here.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/snapshot_codec.hpp"
#include "base/time.hpp"
#include "data/aggregator.hpp"
#include "data/bar_history.hpp"
#include "data/checkpoint.hpp"
#include "data/config.hpp"
#include "data/grid.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "data/snapshot_format.hpp"
#include "data/time_bars.hpp"
#include "data/time_zone.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"

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

// No engine counts so far; what is below can be counted on.
constexpr std::int64_t kCountMax = std::int64_t{1} << 62;
// What describe_kept() writes has no less.
constexpr std::size_t kBarBytesMin = 20;
constexpr std::size_t kZoneRulesBytesMax = std::size_t{1} << 16;
// No interval begins earlier: the longest one that ends after 1970 has 366 days.
constexpr std::int64_t kEarliest = -368 * kDayNs;
constexpr std::int32_t kRevisionMax = std::int32_t{1} << 30;

std::uint64_t read_counter(SnapshotReader& in) {
  const std::int64_t count = in.number();
  demand(count >= 0 && count <= kCountMax, "a counter is out of range");
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
  demand(sums.amount[kTrades] <= static_cast<uint128>(kCountMax), "a count of trades is out of range");
  // No price is below one unit, so that volumes fit wherever values do.
  demand(sums.amount[kVolume] <= sums.amount[kValue], "a volume is greater than its value");
  return sums;
}

KeptBar read_kept(SnapshotReader& in) {
  KeptBar kept;
  BarFigures& bar = kept.bar;
  for (Price* const price : {&bar.open, &bar.high, &bar.low, &bar.close}) price->mantissa = read_price(in);
  for (int128* const sum :
       {&bar.volume.mantissa, &bar.value.mantissa, &bar.buy_volume.mantissa, &bar.sell_volume.mantissa})
    *sum = read_sum(in);
  bar.trade_count = static_cast<std::int64_t>(read_counter(in));
  demand(bar.volume.mantissa <= bar.value.mantissa, "a volume is greater than its value");
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
  kept.number = read_counter(in);
  demand(bar.low <= bar.high, "a bar's low is above its high");
  return kept;
}

}  // namespace

void BarBuilder::restore(SnapshotReader& in) {
  std::vector<std::string> names;
  for (std::int64_t rest = in.count(); rest > 0; --rest) names.emplace_back(in.text(kBarTypeBytesMax));
  demand(!names.empty() && names.size() <= kBarTypesMax, "there are no bar types, or too many");
  time_types_.clear();
  arrival_types_.clear();
  try {
    types_ = parse_bar_types(names);
    TimeZones zones;
    for (const std::string& zone : named_zones()) {
      zones.push_back(std::make_shared<const TimeZone>(TimeZone::parse(in.text(kZoneRulesBytesMax))));
      demand(zones.back()->name() == zone, "the rules of a time zone are missing");
    }
    time_zones_ = joined(std::move(zones), time_zones_);
    index_types();
  } catch (const InvalidArgument& error) {
    SnapshotReader::damaged(error.what());
  }
  demand(types_.size() == names.size(), "a bar type occurs twice");
  for (TimeType& type : time_types_) type.observed_since = read_time_or(in, kNever);
  clock_ = read_time_or(in, kNoTime);
  bars_generated_ = read_counter(in);
  bars_revised_ = read_counter(in);
}

void BarBuilder::restore(SnapshotReader& in, Instrument& instrument) {
  restore_open(in, instrument);
  for (std::uint32_t i = 0; i < types_.size(); ++i) restore_series(in, instrument, i);
  expect_close(instrument);
}

void BarBuilder::restore_open(SnapshotReader& in, Instrument& instrument) {
  instrument.market_time = read_time_or(in, kNoTime);
  instrument.value_wrapped = in.flag();
  instrument.sums = read_sums(in);
  prepare(instrument);
  for (std::uint32_t i = 0; i < types_.size(); ++i) restore_bar(in, instrument, i);
  for (const ArrivalType& type : arrival_types_) {
    if (type.kind == BarKind::kRange) {
      demand(progress_of(instrument, type) < static_cast<uint128>(type.step), "a bar's range is beyond its step");
      continue;
    }
    const int128 progress = read_sum(in);
    demand(type.kind == BarKind::kDollar || progress < type.step, "a bar's progress is beyond its step");
    instrument.bars[type.index].progress_base =
        instrument.sums.amount[amount_of(type.kind)] - static_cast<uint128>(progress);
  }
  for (std::uint32_t i = 0; i < time_types_.size(); ++i) restore_interval(in, instrument, i);
  instrument.next_end = kNoTime;  // the next tick looks closely: quiet intervals may be filled now that were not before
}

// Its bars come with later records.
void BarBuilder::restore_record(SnapshotReader& in, Instrument& instrument) {
  restore_open(in, instrument);
  for (BarSeries& series : instrument.series) {
    const std::uint64_t sequence = read_counter(in);
    const std::uint64_t count = read_counter(in);
    demand(count <= sequence && count <= bars_generated_, "there are more bars than were numbered");
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
    KeptBar read = read_kept(in);
    demand(read.number > 0 && read.number <= bars_generated_, "a bar's number is out of range");
    read.bar.sequence = sequence;
    kept = read;
  }
}

void BarBuilder::finish_restore(const EachInstrument& each_instrument) {
  each_instrument([&](Instrument& instrument) {
    for (std::uint32_t type = 0; type < instrument.series.size(); ++type) {
      BarSeries& series = instrument.series[type];
      for (std::size_t i = 0; i < series.size(); ++i) demand(series[i].number != 0, "a bar is missing");
      history_.adopt(instrument.index * kBarTypesMax + type, series);
    }
  });
  // Smaller bounds keep the newest; intervals that end are expected.
  reconfigure(DataEngineConfig(config_), each_instrument);
}

void BarBuilder::restore_bar(SnapshotReader& in, Instrument& instrument, std::uint32_t index) const {
  if (!in.flag()) return;
  OpenBar& bar = instrument.bars[index];
  for (std::int64_t* const price : {&bar.open, &bar.high, &bar.low, &bar.close}) *price = read_price(in);
  demand(bar.low <= bar.open && bar.open <= bar.high && bar.low <= bar.close && bar.close <= bar.high,
         "a price lies outside its bar");
  bar.ts_least = read_time(in);
  bar.ts_greatest = read_time(in);
  bar.ts_init = in.number();
  bar.base = instrument.sums - read_bar_sums(in);
}

void BarBuilder::restore_interval(SnapshotReader& in, Instrument& instrument, std::uint32_t time_type) const {
  const TimeType& type = time_types_[time_type];
  Interval& interval = instrument.intervals[time_type];
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
  interval.gap_bars = static_cast<std::int64_t>(read_counter(in));
  interval.began = in.flag();
  interval.uncovered = in.flag();
  demand(interval.start <= std::max(instrument.market_time, clock_), "an interval begins after market time");
  demand(!interval.began || (interval.last_end != kNoTime && interval.last_close > 0), "a last bar is missing");
  const OpenBar& bar = instrument.bars[type.index];
  demand(bar.empty() || (bar.ts_least >= interval.start && bar.ts_greatest < interval.end),
         "a tick lies outside its interval");
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

Instrument& Aggregator::restore_name(SnapshotReader& in) {
  const std::string_view id = in.text(kInstrumentIdBytesMax);
  try {
    check_name(id, "instrument_id", kInstrumentIdBytesMax);
  } catch (const InvalidArgument& error) {
    SnapshotReader::damaged(error.what());
  }
  demand(book_.find(id) == nullptr, "an instrument occurs twice");
  return book_.add(id);
}

void Aggregator::restore_ids(SnapshotReader& in, Instrument& instrument) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const int128 fingerprint = in.wide();
    demand(fingerprint > 0 && fingerprint >> 64 == 0, "a fingerprint is out of range");
    demand(!instrument.seen.contains(static_cast<std::uint64_t>(fingerprint)), "a fingerprint occurs twice");
    instrument.seen.push(static_cast<std::uint64_t>(fingerprint));
    if (instrument.seen.size() > static_cast<std::size_t>(config_.duplicate_window)) instrument.seen.pop_oldest();
  }
}

void Aggregator::restore_engine(SnapshotReader& in) {
  epoch_ = read_counter(in);
  is_running_ = in.flag();
  for (std::uint64_t* const count : {&ticks_processed_, &ticks_rejected_, &duplicate_ticks_, &late_ticks_})
    *count = read_counter(in);
  builder_.restore(in);
}

void Aggregator::restore_snapshot(std::string_view snapshot) {
  SnapshotReader in(unseal_snapshot(kSnapshotMagic, kSnapshotVersion, snapshot));
  restore_engine(in);
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    Instrument& instrument = restore_name(in);
    builder_.restore(in, instrument);
    restore_ids(in, instrument);
  }
  // The names that are left are of all instruments with fingerprints, in the order in which those go.
  std::unordered_set<const Instrument*> named;
  while (!in.rest().empty()) {
    const Instrument* instrument = book_.find(in.text(kInstrumentIdBytesMax));
    demand(instrument != nullptr && named.insert(instrument).second, "an instrument is missing, or named twice");
    if (instrument->seen.size() != 0) duplicates_.added(instrument->index, instrument->seen.size());
  }
  book_.each([&](const Instrument& instrument) {
    demand(instrument.seen.size() == 0 || named.contains(&instrument), "an instrument with fingerprints is not named");
  });
}

void Aggregator::restore_checkpoint(std::string_view checkpoint) {
  const auto frames = read_frames(kSnapshotMagic, kPiecesVersion, kCheckpointKinds, checkpoint);
  const auto each = [&](CheckpointRecord kind, const auto& visit) {
    each_record(frames[static_cast<std::size_t>(kind)], visit);
  };
  std::vector<std::int64_t> idle;  // by number, those whose fingerprints go first
  bool has_head = false;
  each(CheckpointRecord::kEngine, [&](SnapshotReader& in) {
    demand(!std::exchange(has_head, true), "it has two heads");
    restore_engine(in);
    for (std::int64_t number = in.number(); number != -1; number = in.number()) idle.push_back(number);
  });
  demand(has_head, "its head is missing");
  std::vector<std::pair<std::int64_t, std::string_view>> records;
  each(CheckpointRecord::kInstrument, [&](SnapshotReader& in) {
    const std::int64_t number = in.number();
    records.emplace_back(number, in.bytes());
  });
  std::ranges::sort(records, {}, &std::pair<std::int64_t, std::string_view>::first);
  std::size_t bar_bytes = 0;
  for (const std::string_view frame : frames[static_cast<std::size_t>(CheckpointRecord::kBars)])
    bar_bytes += frame.size();
  builder_.expect_bars(bar_bytes / kBarBytesMin);
  std::unordered_map<std::int64_t, Instrument*> instruments;
  for (const auto& [number, record] : records) {
    SnapshotReader in(record);
    Instrument& instrument = restore_name(in);
    demand(instruments.emplace(number, &instrument).second, "an instrument occurs twice");
    builder_.restore_record(in, instrument);
    in.expect_end();
  }
  const auto numbered = [&](std::int64_t number) -> Instrument& {
    const auto found = instruments.find(number);
    demand(found != instruments.end(), "an instrument is unknown");
    return *found->second;
  };
  each(CheckpointRecord::kWindow, [&](SnapshotReader& in) {
    Instrument& instrument = numbered(in.number());
    restore_ids(in, instrument);
  });
  each(CheckpointRecord::kBars, [&](SnapshotReader& in) {
    Instrument& instrument = numbered(in.number());
    builder_.restore_bars(in, instrument);
  });
  builder_.finish_restore([this](const auto& visit) { book_.each(visit); });
  for (const std::int64_t number : idle) {
    const Instrument& instrument = numbered(number);
    if (instrument.seen.size() != 0) duplicates_.added(instrument.index, instrument.seen.size());
  }
}

void Aggregator::restore_state(std::string_view snapshot) {
  if (version_of_snapshot(kSnapshotMagic, snapshot) == kPiecesVersion)
    restore_checkpoint(snapshot);
  else
    restore_snapshot(snapshot);
  forget_excess_duplicates();
  add_bar_types(config_.bar_types);
  validate();
}

void Aggregator::restore(std::string_view snapshot) {
  if (book_.size() != 0 || ticks_processed_ != 0)
    throw EngineError(Reason::INTERNAL, "only an empty engine can be restored");
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
