#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/frames.hpp"
#include "data/arrival_bars.hpp"
#include "data/bar_history.hpp"
#include "data/closed_bars.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "data/time_bars.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge {
class SnapshotReader;
}

namespace alphaforge::data {

class Checkpoint;

// Builds bars of every configured type from accepted ticks, for each instrument. Independent of refusals, duplicates
// and locks. Closed and corrected bars are appended to the `out` of the call that caused them.
class BarBuilder {
 public:
  using InstrumentOf = ClosedBars::InstrumentOf;
  using EachInstrument = ClosedBars::EachInstrument;

  // `instrument_of` finds an instrument by its index, or null if it was removed. The checkpoint is notified before a
  // change of anything that it may have to write.
  BarBuilder(const DataEngineConfig& config, InstrumentOf instrument_of, const CheckpointSlot<Checkpoint>& checkpoint);
  BarBuilder(const BarBuilder&) = delete;
  BarBuilder& operator=(const BarBuilder&) = delete;

  const BarTypes& types() const { return types_; }
  // The position of a type in configured order, or -1.
  int index_of(const BarType& type) const;
  // Gives a new instrument its state; also called after a type was added.
  void prepare(Instrument& instrument) const;
  // Appends a type; its bars begin with the next tick of each instrument, which prepare() has to see first.
  void add_type(std::shared_ptr<const BarType> type);
  // The rules of the time zones that types name, and the calendars. The first rules given for a zone are kept, and a
  // calendar's sessions; add_type() may then be called with types that name them.
  const Clocks& clocks() const { return clocks_; }
  void set_clocks(Clocks clocks) { clocks_ = std::move(clocks); }

  // Changes settings; types and the grid of time bars stay unchanged.
  void reconfigure(const DataEngineConfig& config, const EachInstrument& each_instrument);

  // The functions below that take an instrument require flush_pending() to have been called.

  // Advances market time to the tick's, closes time bars, applies the tick to every type, closes the others, and opens
  // the instrument's run if possible. True if the tick is late for a time type. Returns none and does nothing if a sum
  // would exceed 128 bits.
  std::optional<bool> apply(Instrument& instrument, const Print& print, std::vector<Bar>& out);
  // Advances market time of all instruments to `now`; earlier times close nothing. False if more than `bars_max` bars
  // are due: the others close with the next call, or with the next tick of their instrument.
  bool advance(std::int64_t now, std::vector<Bar>& out, std::size_t bars_max) {
    return time_bars_.advance(now, out, bars_max);
  }
  // Closes the open bars of one instrument as partial, in configured order.
  void flush(Instrument& instrument, std::vector<Bar>& out);

  std::vector<Bar> open_bars(const Instrument& instrument) const;
  // A bar of an instrument and a type, by its position in configured order.
  Bar named(const Instrument& instrument, std::size_t type, const BarFigures& figures) const {
    return closed_.named(instrument, type, figures);
  }
  // The instrument is about to be destroyed.
  void forget(const Instrument& instrument) { closed_.forget(instrument); }
  void clear();

  // The builder's own state, then that of each instrument: for state hashes and snapshots (state.cpp).
  template <class Sink>
  void describe(Sink& sink) const;
  template <class Sink>
  void describe(Sink& sink, const Instrument& instrument) const;
  // The state of an instrument without its closed bars.
  template <class Sink>
  void describe_open(Sink& sink, const Instrument& instrument) const;
  // Restores the same into an empty builder, and into a new instrument, with the types at the time of the snapshot
  // (restore_bars.cpp). Throws EngineError JOURNAL_DAMAGED.
  void restore(SnapshotReader& in);
  void restore(SnapshotReader& in, Instrument& instrument);
  // The same from the records of a checkpoint, whose closed bars take that many bytes: first each instrument without
  // its closed bars, then some closed bars at a time, and finally the end.
  void expect_bars(std::size_t bytes);
  void restore_record(SnapshotReader& in, Instrument& instrument);
  void restore_bars(SnapshotReader& in, Instrument& instrument);
  void finish_restore(const EachInstrument& each_instrument);

  std::int64_t clock() const { return time_bars_.clock(); }
  std::uint64_t bars_generated() const { return closed_.generated(); }
  std::uint64_t bars_revised() const { return closed_.revised(); }
  const HistoryBudget& history() const { return closed_.history(); }

 private:
  void number_types();
  bool is_time_type(std::size_t type) const { return closes_by_time(types_[type]->kind); }
  std::vector<std::string> named_clocks() const;
  void open_run(Instrument& instrument) const;
  void restore_open(SnapshotReader& in, Instrument& instrument);
  void restore_bar(SnapshotReader& in, Instrument& instrument, std::uint32_t type) const;
  void restore_series(SnapshotReader& in, Instrument& instrument, std::uint32_t type);

  DataEngineConfig config_;
  BarTypes types_;
  std::vector<std::uint32_t> numbers_;  // of each type among the time types, or among the others
  Clocks clocks_;
  ClosedBars closed_;
  TimeBars time_bars_;
  ArrivalBars arrival_bars_;
  std::uint64_t bars_expected_ = 0;  // of a checkpoint that is restored
};

}  // namespace alphaforge::data
