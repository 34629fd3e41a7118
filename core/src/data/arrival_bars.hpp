#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/int128.hpp"
#include "data/closed_bars.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "data/tick_run.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge {
class SnapshotReader;
}

namespace alphaforge::data {

// The bars of all tick, volume, dollar and range types: ticks close them in order of arrival, independent of time.
// Types are numbered from 0 in the order in which they were added.
class ArrivalBars {
 public:
  ArrivalBars(const DataEngineConfig& config, ClosedBars& closed) : config_(config), closed_(closed) {}

  // `index` is the type's position in configured order.
  void add_type(std::uint32_t index, const BarType& type) {
    types_.push_back({index, type.kind, type.step});
    has_range_type_ = has_range_type_ || type.kind == BarKind::kRange;
  }
  void clear_types() {
    types_.clear();
    has_range_type_ = false;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(types_.size()); }
  // Gives a new instrument its state; also called after a type was added to the first `known` of all types.
  void prepare(Instrument& instrument, std::size_t known) const;

  // Whether every sum stays within 128 bits with this print.
  bool fits(const Instrument& instrument, const Print& print) const;
  // Applies the print to every type and closes bars. The caller adds it to the instrument's sums.
  void apply(Instrument& instrument, const Print& print, std::vector<Bar>& out);
  // If true, any print may close a bar and takes the slow path; otherwise no print has to check for that.
  bool has_range_type() const { return has_range_type_; }
  // Reduces `room` to prints that close no bar.
  void limit(const Instrument& instrument, Room& room) const;

  BarFigures open_bar(const Instrument& instrument, std::uint32_t number) const;
  // Closes an open bar as partial.
  void flush(Instrument& instrument, std::uint32_t number, std::vector<Bar>& out);

  // state.cpp and restore_bars.cpp
  template <class Sink>
  void describe_progress(Sink& sink, const Instrument& instrument) const;
  void restore_progress(SnapshotReader& in, Instrument& instrument) const;

 private:
  // A configured type, laid out for the hot loops.
  struct Type {
    std::uint32_t index;  // in configured order
    BarKind kind;
    int128 step;
  };
  // The part of a print that a type's open bar takes; the print may close the bar.
  struct Share {
    int128 quantity;
    uint128 progress;  // of the bar with it
    bool is_oversize;  // the print would close too many bars, so this one takes all of it
  };

  Share share_of(const Instrument& instrument, const Type& type, const Print& print) const;
  void close(Instrument& instrument, const Type& type, const Print& print, std::vector<Bar>& out);
  void emit(Instrument& instrument, const Type& type, const Sums& sums, bool is_oversize, std::vector<Bar>& out);
  // The progress of a type's open bar towards its step.
  static uint128 progress_of(const Instrument& instrument, const Type& type) {
    const OpenBar& bar = instrument.bars[type.index];
    if (type.kind != BarKind::kRange) return instrument.sums.amount[amount_of(type.kind)] - bar.progress_base;
    return bar.empty() ? 0 : static_cast<uint128>(int128{bar.high} - bar.low);
  }

  const DataEngineConfig& config_;
  ClosedBars& closed_;
  std::vector<Type> types_;
  bool has_range_type_ = false;
};

}  // namespace alphaforge::data
