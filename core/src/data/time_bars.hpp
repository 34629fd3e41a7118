#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "data/bar_history.hpp"
#include "data/closed_bars.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/interval.hpp"
#include "data/lazy_heap.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge {
class SnapshotReader;
}

namespace alphaforge::data {

// The bars of all time types: market time closes them, late prints correct them. Types are numbered from 0 in the order
// in which they were added.
class TimeBars {
 public:
  TimeBars(const DataEngineConfig& config, ClosedBars& closed) : config_(config), closed_(closed) {}

  // `index` is the type's position in configured order.
  void add_type(std::uint32_t index, const BarType& type, const Clocks& clocks) {
    types_.push_back({index, Grid(type, config_.origin_offset_ns, clocks), kNever});
  }
  void clear_types() { types_.clear(); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(types_.size()); }
  // After a change of settings.
  void regrid(const BarTypes& types, const Clocks& clocks) {
    for (Type& type : types_) type.grid = Grid(*types[type.index], config_.origin_offset_ns, clocks);
  }
  // After regrid(): what lay after the last session of a calendar may now end.
  void extend(Instrument& instrument) const;
  // Gives a new instrument its state; also called after a type was added.
  void prepare(Instrument& instrument) const;

  // Market time of the engine: the greatest that advance() was called with.
  std::int64_t clock() const { return clock_; }
  // Whether every sum stays within 128 bits with this print.
  bool fits(Instrument& instrument, const Print& print) const;
  // Advances the instrument's market time to the print's, closes bars, and applies the print to every type. True if it
  // is late for a type. The caller adds the print to the instrument's sums.
  bool apply(Instrument& instrument, const Print& print, std::vector<Bar>& out);
  // BarBuilder::advance().
  bool advance(std::int64_t now, std::vector<Bar>& out, std::size_t bars_max);
  // Makes sure that advance() looks at the instrument when its next bar closes.
  void expect_close(Instrument& instrument);

  BarFigures open_bar(const Instrument& instrument, std::uint32_t number) const;
  bool all_open(const Instrument& instrument) const {
    for (const Type& type : types_)
      if (instrument.bars[type.index].empty()) return false;
    return true;
  }
  // Closes an open bar as partial before its interval ends.
  void flush(Instrument& instrument, std::uint32_t number, std::vector<Bar>& out);
  void clear();

  // state.cpp and restore_bars.cpp
  template <class Sink>
  void describe(Sink& sink) const;
  void restore(SnapshotReader& in);
  void restore_intervals(SnapshotReader& in, Instrument& instrument) const;

 private:
  // A configured type, laid out for the hot loops.
  struct Type {
    std::uint32_t index;  // in configured order
    Grid grid;
    std::int64_t observed_since;  // the least time that advance() was called with
  };
  // A time interval that ends: order of closing.
  struct Closing {
    std::int64_t end;
    std::uint64_t instrument;
    std::uint32_t type;  // its number
    auto operator<=>(const Closing&) const = default;
  };

  void move_market_time(Instrument& instrument, std::int64_t to, std::vector<Bar>& out);
  void collect_closings(const Instrument& instrument, std::int64_t to);
  bool close_collected(std::int64_t to, std::vector<Bar>& out, std::size_t bars_max);
  void close_interval(Instrument& instrument, std::uint32_t number, std::vector<Bar>& out);
  void finish(Instrument& instrument, std::uint32_t number, KeptBar& kept, std::vector<Bar>& out);
  void begin(Instrument& instrument, std::uint32_t number, const Print& print);
  void apply_late(Instrument& instrument, std::uint32_t number, const Print& print, std::vector<Bar>& out);

  bool is_skipped(const Interval& interval, const BarFigures& bar) const {
    return !interval.began && bar.is_partial && config_.skip_first_partial;
  }
  bool may_correct(const BarFigures& bar, std::int64_t ts_event, std::int64_t market_time) const {
    return ts_event < bar.ts_event && market_time - bar.ts_event <= config_.allowed_lateness_ns &&
           config_.allowed_lateness_ns != 0;
  }
  KeptBar* correctable(Instrument& instrument, std::uint32_t number, std::int64_t ts_event,
                       std::int64_t market_time) const;
  BarFigures joined_bar(Instrument& instrument, std::uint32_t number, std::int64_t ts_event,
                        std::int64_t market_time) const;
  BarFigures flat_bar(const Instrument& instrument, std::uint32_t number) const;
  std::int64_t next_close(const Instrument& instrument, std::uint32_t number) const;
  void restore_interval(SnapshotReader& in, Instrument& instrument, std::uint32_t number) const;

  const DataEngineConfig& config_;
  ClosedBars& closed_;
  std::vector<Type> types_;
  LazyHeap<std::int64_t> due_;
  std::vector<Closing> closings_;  // a heap, used within one call
  std::int64_t clock_ = kNoTime;
};

}  // namespace alphaforge::data
