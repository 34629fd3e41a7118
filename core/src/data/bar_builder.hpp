#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/config.hpp"
#include "data/instrument.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge {
class SnapshotReader;
}

namespace alphaforge::data {

// Turns accepted prints into bars: every configured type, side by side, on each instrument. Knows nothing of refusals,
// duplicates or locks. Closed and corrected bars are appended to the `out` of the call that caused them.
class BarBuilder {
 public:
  using InstrumentOf = std::function<Instrument*(std::uint64_t index)>;
  using EachInstrument = std::function<void(const std::function<void(Instrument&)>& visit)>;

  // `instrument_of` finds an instrument by its index, or null where it is gone.
  BarBuilder(const DataEngineConfig& config, InstrumentOf instrument_of);

  const std::vector<std::shared_ptr<const BarType>>& types() const { return types_; }
  // The place of a type in configured order, or -1.
  int index_of(const BarType& type) const;
  // Gives a new instrument its state; also called after a type was added.
  void prepare(Instrument& instrument) const;
  // Appends a type; its bars begin with the next tick of each instrument, which prepare() has to see first.
  void add_type(std::shared_ptr<const BarType> type);

  // Other settings for the same state; types and the grid of time bars stay what they are.
  void reconfigure(const DataEngineConfig& config, const EachInstrument& each_instrument);

  // Those of the functions below that take an instrument want it settled.

  // Whether every sum that the print would join stays within 128 bits.
  bool fits(Instrument& instrument, const Print& print) const;
  // Market time moves to the print's, time bars close, the print is applied to every type, the others close. The instrument's
  // run is open then, where there can be one. True when the print is late for a time type.
  bool apply(Instrument& instrument, const Print& print, std::vector<Bar>& out);
  // Market time of all instruments reaches `now`. Earlier times than before close nothing.
  void advance(std::int64_t now, std::vector<Bar>& out);
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
  // The same read back into an empty builder, and into a new instrument. Types come as they were when they were described.
  // Throws EngineError JOURNAL_DAMAGED.
  void restore(SnapshotReader& in);
  void restore(SnapshotReader& in, Instrument& instrument);

  std::int64_t clock() const { return clock_; }
  std::uint64_t bars_generated() const { return bars_generated_; }
  std::uint64_t bars_revised() const { return bars_revised_; }
  const HistoryBudget& history() const { return history_; }

 private:
  // A configured type as the hot loops want it.
  struct TimeType {
    std::uint32_t index;  // in configured order
    std::int64_t step;
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
  void restore_bar(SnapshotReader& in, Instrument& instrument, std::uint32_t index) const;
  void restore_interval(SnapshotReader& in, Instrument& instrument, std::uint32_t time_type) const;
  void restore_series(SnapshotReader& in, Instrument& instrument, std::uint32_t index);
  void keep(Instrument& instrument, std::uint32_t index, const KeptBar& kept);
  // Time bars.
  void move_market_time(Instrument& instrument, std::int64_t to, std::vector<Bar>& out);
  void collect_closings(const Instrument& instrument, std::int64_t to);
  void close_collected(std::int64_t to, std::vector<Bar>& out);
  void close_interval(Instrument& instrument, std::uint32_t time_type, std::vector<Bar>& out);
  void expect_close(Instrument& instrument);
  void begin_interval(Instrument& instrument, std::uint32_t time_type);
  void apply_late(Instrument& instrument, std::uint32_t time_type, const Print& print, std::vector<Bar>& out);
  KeptBar* correctable(Instrument& instrument, std::uint32_t time_type, std::int64_t ts_event) const;
  void open_run(Instrument& instrument) const;
  // Tick, volume and dollar bars.
  void close_by_arrival(Instrument& instrument, const ArrivalType& type, const Print& print, std::vector<Bar>& out);

  BarSeries* series_of(std::uint64_t number) const;
  BarFigures flat_bar(const Instrument& instrument, std::uint32_t time_type) const;
  std::int64_t next_close(const Instrument& instrument, std::uint32_t time_type) const;
  BarFigures open_time_bar(const Instrument& instrument, std::uint32_t time_type) const;
  void emit(Instrument& instrument, std::uint32_t index, KeptBar& kept, std::vector<Bar>& out);
  std::int64_t gap_bars_max() const { return config_.fill_gaps ? config_.max_gap_bars : 0; }

  DataEngineConfig config_;
  InstrumentOf instrument_of_;
  std::vector<std::shared_ptr<const BarType>> types_;
  std::vector<TimeType> time_types_;
  std::vector<ArrivalType> arrival_types_;
  HistoryBudget history_;
  LazyHeap<std::int64_t> due_;
  std::vector<Closing> closings_;  // a heap, used within one call
  std::int64_t clock_ = kBeforeAll;
  std::uint64_t bars_generated_ = 0;
  std::uint64_t bars_revised_ = 0;
};

}  // namespace alphaforge::data
