#include "data/checkpoint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "data/bar_builder.hpp"
#include "data/bar_history.hpp"
#include "data/config.hpp"
#include "data/describe.hpp"
#include "data/instrument.hpp"
#include "data/instrument_book.hpp"
#include "model/duplicate_window.hpp"

namespace alphaforge::data {
namespace {

// Fingerprints, and bars, of one record.
constexpr std::uint64_t kWindowPiece = 1024;
constexpr std::int64_t kBarsPiece = 256;

}  // namespace

Checkpoint::Checkpoint(std::uint32_t number, const CheckpointLimits& limits, const InstrumentBook& book,
                       const BarBuilder& builder)
    : number_(number),
      limits_(limits),
      book_(book),
      builder_(builder),
      records_(kCheckpointKinds),
      instruments_end_(book.numbers()) {}

bool Checkpoint::write() {
  const std::size_t until = records_.bytes() + limits_.piece_bytes;
  for (; next_instrument_ != instruments_end_; ++next_instrument_) {
    if (records_.bytes() >= until) return false;
    Instrument* instrument = book_.at(next_instrument_);
    if (instrument != nullptr && !write_instrument(*instrument, until)) return false;
  }
  return true;
}

bool Checkpoint::write_instrument(Instrument& instrument, std::size_t until) {
  if (instrument.checkpoint != number_) describe(instrument);
  if (!write_window(instrument, until)) return false;
  for (std::uint32_t type = 0; type < instrument.series.size(); ++type)
    if (!write_series(instrument, type, until)) return false;
  return true;
}

bool Checkpoint::write_window(Instrument& instrument, std::size_t until) {
  DuplicateWindow& seen = instrument.seen;
  while (seen.pending.next != seen.pending.end) {
    if (records_.bytes() >= until) return false;
    SnapshotWriter& out = of(CheckpointRecord::kWindow);
    const std::uint64_t end = std::min(seen.pending.end, seen.pending.next + kWindowPiece);
    out.number(static_cast<std::int64_t>(instrument.index));
    out.number(static_cast<std::int64_t>(end - seen.pending.next));
    for (; seen.pending.next != end; ++seen.pending.next) {
      const std::uint64_t fingerprint = seen[seen.pending.next - seen.popped()];
      out.number(static_cast<int128>(fingerprint));
      check_id(instrument, fingerprint);
    }
  }
  return true;
}

bool Checkpoint::write_series(Instrument& instrument, std::uint32_t type, std::size_t until) {
  BarSeries& series = instrument.series[type];
  BarSeries::Pending& pending = series.pending;
  while (pending.next != pending.end) {
    if (records_.bytes() >= until) return false;
    // Corrected bars are written already.
    while (pending.next != pending.end && series.at(pending.next).checkpoint == number_) ++pending.next;
    std::int64_t end = pending.next;
    const std::int64_t most = std::min(pending.end, pending.next + kBarsPiece);
    while (end != most && series.at(end).checkpoint != number_) ++end;
    if (end != pending.next) describe_bars(instrument, type, end);
  }
  return true;
}

// The bars of a series that come next, up to `end`.
void Checkpoint::describe_bars(Instrument& instrument, std::uint32_t type, std::int64_t end) {
  BarSeries& series = instrument.series[type];
  SnapshotWriter& out = of(CheckpointRecord::kBars);
  out.number(static_cast<std::int64_t>(instrument.index));
  out.number(std::int64_t{type});
  out.number(series.pending.next);
  out.number(end - series.pending.next);
  for (; series.pending.next != end; ++series.pending.next) {
    const KeptBar& kept = series.at(series.pending.next);
    describe_kept(out, kept);
    check_bar(instrument, type, series.pending.next, kept);
  }
}

void Checkpoint::check_bar(const Instrument& instrument, std::uint32_t type, std::int64_t sequence,
                           const KeptBar& kept) {
  sum_.add(CheckpointRecord::kBars, [&](StateHash& hash) {
    hash.text(*instrument.id);
    hash.number(std::int64_t{type});
    hash.number(sequence);
    describe_kept(hash, kept);
  });
}

void Checkpoint::check_id(const Instrument& instrument, std::uint64_t fingerprint) {
  sum_.add(CheckpointRecord::kWindow, [&](StateHash& hash) {
    hash.text(*instrument.id);
    hash.number(static_cast<int128>(fingerprint));
  });
}

void Checkpoint::describe(Instrument& instrument) {
  instrument.checkpoint = number_;
  instrument.flush_pending();
  scratch_.clear();
  scratch_.text(*instrument.id);
  builder_.describe_open(scratch_, instrument);
  for (BarSeries& series : instrument.series) {
    scratch_.number(series.sequence);
    scratch_.number(static_cast<std::int64_t>(series.size()));
    series.pending = {series.first_sequence(), series.sequence + 1};
  }
  SnapshotWriter& out = of(CheckpointRecord::kInstrument);
  out.number(static_cast<std::int64_t>(instrument.index));
  out.text(scratch_.view());
  sum_.add(CheckpointRecord::kInstrument, [&](StateHash& hash) { hash.text(scratch_.view()); });
  instrument.seen.pending = {instrument.seen.popped(), instrument.seen.popped() + instrument.seen.size()};
}

void Checkpoint::check_memory() { is_overtaken_ = is_overtaken_ || records_.bytes() > limits_.waiting_bytes; }

void Checkpoint::before_change(Instrument& instrument) {
  if (is_overtaken_ || instrument.index >= instruments_end_ || instrument.checkpoint == number_) return;
  describe(instrument);
  check_memory();
}

void Checkpoint::before_pop_id(Instrument& instrument) {
  before_change(instrument);
  DuplicateWindow& seen = instrument.seen;
  if (is_overtaken_ || instrument.checkpoint != number_ || seen.pending.next == seen.pending.end ||
      seen.pending.next != seen.popped())
    return;
  SnapshotWriter& out = of(CheckpointRecord::kWindow);
  out.number(static_cast<std::int64_t>(instrument.index));
  out.number(std::int64_t{1});
  out.number(static_cast<int128>(seen[0]));
  check_id(instrument, seen[0]);
  ++seen.pending.next;
  check_memory();
}

void Checkpoint::before_pop_bar(std::uint64_t series_number) {
  Instrument& instrument = *book_.at(series_number / kBarTypesMax);
  before_change(instrument);
  const auto type = static_cast<std::uint32_t>(series_number % kBarTypesMax);
  BarSeries& series = instrument.series[type];
  if (is_overtaken_ || instrument.checkpoint != number_ || series.pending.next == series.pending.end ||
      series.pending.next != series.first_sequence())
    return;
  if (series.front().checkpoint == number_)
    ++series.pending.next;
  else
    describe_bars(instrument, type, series.pending.next + 1);
  check_memory();
}

void Checkpoint::before_correction(Instrument& instrument, std::uint32_t type, KeptBar& kept) {
  before_change(instrument);
  const BarSeries::Pending& pending = instrument.series[type].pending;
  const std::int64_t sequence = kept.bar.sequence;
  if (is_overtaken_ || instrument.checkpoint != number_ || sequence < pending.next || sequence >= pending.end ||
      kept.checkpoint == number_)
    return;
  kept.checkpoint = number_;
  SnapshotWriter& out = of(CheckpointRecord::kBars);
  for (const std::int64_t number :
       {static_cast<std::int64_t>(instrument.index), std::int64_t{type}, sequence, std::int64_t{1}})
    out.number(number);
  describe_kept(out, kept);
  check_bar(instrument, type, sequence, kept);
  check_memory();
}

}  // namespace alphaforge::data
