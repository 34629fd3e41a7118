#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "data/bar_history.hpp"
#include "data/config.hpp"
#include "data/grid.hpp"
#include "data/instrument.hpp"
#include "data/lazy_heap.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge {
class SnapshotReader;
}

namespace alphaforge::data {

class Checkpoint;

// Builds bars of every configured type from accepted ticks, for each instrument. Independent of refusals, duplicates
// and locks. Closed and corrected bars are appended to the `out` of the call that caused them.
class BarBuilder {
 public:
  using InstrumentOf = std::function<Instrument*(std::uint64_t index)>;
  using EachInstrument = std::function<void(const std::function<void(Instrument&)>& visit)>;

  // `instrument_of` finds an instrument by its index, or null if it was removed.
  BarBuilder(const DataEngineConfig& config, InstrumentOf instrument_of);

  const std::vector<std::shared_ptr<const BarType>>& types() const { return types_; }
  // The place of a type in configured order, or -1.
  int index_of(const BarType& type) const;
  // Gives a new instrument its state; also called after a type was added.
  void prepare(Instrument& instrument) const;
  // Appends a type; its bars begin with the next tick of each instrument, which prepare() has to see first.
  void add_type(std::shared_ptr<const BarType> type);
  // The rules of the time zones that types name. The first ones given for a zone are kept; add_type() may then be
  // called with types of those zones.
  const TimeZones& time_zones() const { return time_zones_; }
  void set_time_zones(TimeZones zones) { time_zones_ = std::move(zones); }

  // Changes settings; types and the grid of time bars stay unchanged.
  void reconfigure(const DataEngineConfig& config, const EachInstrument& each_instrument);

  // The functions below that take an instrument require flush_pending() to have been called.

  // Whether every sum stays within 128 bits with this tick.
  bool fits(Instrument& instrument, const Print& print) const;
  // Advances market time to the tick's, closes time bars, applies the tick to every type, closes the others, and opens
  // the instrument's run if possible. True if the tick is late for a time type.
  bool apply(Instrument& instrument, const Print& print, std::vector<Bar>& out);
  // Advances market time of all instruments to `now`; earlier times close nothing. False if more than `bars_max` bars
  // are due: the others close with the next call, or with the next tick of their instrument.
  bool advance(std::int64_t now, std::vector<Bar>& out, std::size_t bars_max);
  // Closes the open bars of one instrument as partial, in configured order.
  void flush(Instrument& instrument, std::vector<Bar>& out);

  std::vector<Bar> open_bars(const Instrument& instrument) const;
  // A bar of an instrument and a type, by its place in configured order.
  Bar named(const Instrument& instrument, std::size_t index, const BarFigures& figures) const;
  // The instrument is about to be destroyed.
  void forget(const Instrument& instrument);
  void clear();

  // The builder's own state, then that of each instrument: for state hashes and snapshots.
  template <class Sink>
  void describe(Sink& sink) const;
  template <class Sink>
  void describe(Sink& sink, const Instrument& instrument) const;
  // That of an instrument without its closed bars.
  template <class Sink>
  void describe_open(Sink& sink, const Instrument& instrument) const;
  // Restores the same into an empty builder, and into a new instrument, with the types at the time of the snapshot.
  // Throws EngineError JOURNAL_DAMAGED.
  void restore(SnapshotReader& in);
  void restore(SnapshotReader& in, Instrument& instrument);
  // The same from the records of a checkpoint: at most so many bars, an instrument without its closed bars, some of
  // those, and the end.
  void expect_bars(std::uint64_t bars_max) { bars_expected_ = bars_max; }
  void restore_record(SnapshotReader& in, Instrument& instrument);
  void restore_bars(SnapshotReader& in, Instrument& instrument);
  void finish_restore(const EachInstrument& each_instrument);

  // A checkpoint is told before something changes that it may have to write, until there is another one or none.
  void watch(Checkpoint* checkpoint) { checkpoint_ = checkpoint; }

  std::int64_t clock() const { return clock_; }
  std::uint64_t bars_generated() const { return bars_generated_; }
  std::uint64_t bars_revised() const { return bars_revised_; }
  const HistoryBudget& history() const { return history_; }

 private:
  // A configured type, laid out for the hot loops.
  struct TimeType {
    std::uint32_t index;  // in configured order
    Grid grid;
    std::int64_t observed_since;  // the least time that advance() was called with
  };
  struct ArrivalType {
    std::uint32_t index;
    BarKind kind;
    int128 step;
  };
  // A time interval that ends: order of closing.
  struct Closing {
    std::int64_t end;
    std::uint64_t instrument;
    std::uint32_t type;  // index into time_types_
    auto operator<=>(const Closing&) const = default;
  };

  void index_types();
  std::vector<std::string> named_zones() const;
  void restore_open(SnapshotReader& in, Instrument& instrument);
  void restore_bar(SnapshotReader& in, Instrument& instrument, std::uint32_t index) const;
  void restore_interval(SnapshotReader& in, Instrument& instrument, std::uint32_t time_type) const;
  void restore_series(SnapshotReader& in, Instrument& instrument, std::uint32_t index);
  void keep(Instrument& instrument, std::uint32_t index, const KeptBar& kept);
  // Time bars.
  void move_market_time(Instrument& instrument, std::int64_t to, std::vector<Bar>& out);
  void collect_closings(const Instrument& instrument, std::int64_t to);
  bool close_collected(std::int64_t to, std::vector<Bar>& out, std::size_t bars_max);
  void close_interval(Instrument& instrument, std::uint32_t time_type, std::vector<Bar>& out);
  void expect_close(Instrument& instrument);
  void begin_interval(Instrument& instrument, std::uint32_t time_type);
  void apply_late(Instrument& instrument, std::uint32_t time_type, const Print& print, std::vector<Bar>& out);
  KeptBar* correctable(Instrument& instrument, std::uint32_t time_type, std::int64_t ts_event) const;
  void open_run(Instrument& instrument) const;
  uint128 progress_of(const Instrument& instrument, const ArrivalType& type) const;
  // Tick, volume, dollar and range bars.
  void close_by_arrival(Instrument& instrument, const ArrivalType& type, const Print& print, std::vector<Bar>& out);

  BarSeries* series_of(std::uint64_t number) const;
  BarFigures flat_bar(const Instrument& instrument, std::uint32_t time_type) const;
  std::int64_t next_close(const Instrument& instrument, std::uint32_t time_type) const;
  BarFigures open_time_bar(const Instrument& instrument, std::uint32_t time_type) const;
  void emit(Instrument& instrument, std::uint32_t index, KeptBar& kept, std::vector<Bar>& out);
  std::int64_t gap_bars_max() const { return config_.fill_gaps ? config_.max_gap_bars : 0; }

  Checkpoint* checkpoint_ = nullptr;
  DataEngineConfig config_;
  InstrumentOf instrument_of_;
  std::vector<std::shared_ptr<const BarType>> types_;
  TimeZones time_zones_;
  std::vector<TimeType> time_types_;
  std::vector<ArrivalType> arrival_types_;
  HistoryBudget history_;
  LazyHeap<std::int64_t> due_;
  std::vector<Closing> closings_;  // a heap, used within one call
  std::int64_t clock_ = kNoTime;
  std::uint64_t bars_generated_ = 0;
  std::uint64_t bars_revised_ = 0;
  std::uint64_t bars_expected_ = 0;  // of a checkpoint that is restored
};

}  // namespace alphaforge::data
