#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/frames.hpp"
#include "data/bar_history.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge::data {

class Checkpoint;

using BarTypes = std::vector<std::shared_ptr<const BarType>>;

// Takes all bars that close: numbers them, appends them to the `out` of the call that closed them, keeps them for
// queries and corrections, and drops the oldest.
class ClosedBars {
 public:
  // Finds an instrument by its index, or null if it was removed.
  using InstrumentOf = std::function<Instrument*(std::uint64_t index)>;
  using EachInstrument = std::function<void(const std::function<void(Instrument&)>& visit)>;

  // The settings, types and checkpoint of the engine, which outlive this.
  ClosedBars(const DataEngineConfig& config, const BarTypes& types, InstrumentOf instrument_of,
             const CheckpointSlot<Checkpoint>& checkpoint)
      : config_(config),
        types_(types),
        instrument_of_(std::move(instrument_of)),
        checkpoint_(checkpoint),
        history_(config.max_memory_bytes) {}

  Instrument* instrument_at(std::uint64_t index) const { return instrument_of_(index); }
  // A bar of an instrument and a type, by its position in configured order.
  Bar named(const Instrument& instrument, std::size_t type, const BarFigures& figures) const {
    return {figures, instrument.id, types_[type]};
  }

  // A bar of that type has closed; it gets its numbers.
  void emit(Instrument& instrument, std::uint32_t type, KeptBar& kept, std::vector<Bar>& out);
  // Joins a late print to the kept bar that it belongs to. The caller has checked the sums.
  void correct(Instrument& instrument, std::uint32_t type, KeptBar& kept, const Print& print, std::vector<Bar>& out);
  // The open bars of an instrument are about to change without a tick of its own.
  void before_change(Instrument& instrument) const;

  // After a change of settings.
  void reconfigure(const EachInstrument& each_instrument);
  // The instrument is about to be destroyed.
  void forget(const Instrument& instrument);
  void clear();

  // Stores a bar of a restored engine, which already has its numbers.
  void keep(Instrument& instrument, std::uint32_t type, const KeptBar& kept);
  // Counts the kept bars of a restored instrument.
  void adopt(Instrument& instrument);
  void set_counts(std::uint64_t generated, std::uint64_t revised) {
    generated_ = generated;
    revised_ = revised;
  }

  std::uint64_t generated() const { return generated_; }
  std::uint64_t revised() const { return revised_; }
  const HistoryBudget& history() const { return history_; }

 private:
  BarSeries* series_of(std::uint64_t number) const;

  const DataEngineConfig& config_;
  const BarTypes& types_;
  InstrumentOf instrument_of_;
  const CheckpointSlot<Checkpoint>& checkpoint_;
  HistoryBudget history_;
  std::uint64_t generated_ = 0;
  std::uint64_t revised_ = 0;
};

// The bar to keep for an open bar that closes with these figures.
inline KeptBar kept_of(const OpenBar& bar, const BarFigures& figures) {
  return {.bar = figures, .ts_least = bar.ts_least, .ts_greatest = bar.ts_greatest};
}

}  // namespace alphaforge::data
