#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/frames.hpp"
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "data/bar_history.hpp"
#include "data/instrument.hpp"
#include "data/instrument_book.hpp"

namespace alphaforge::data {

class BarBuilder;

// The records of a checkpoint written in the background, by kind.
enum class CheckpointRecord : std::uint32_t {
  kEngine = 1,  // once: the engine, then the numbers of the instruments whose fingerprints are dropped first, then -1
  kInstrument,  // number, then one text: id, open bars, and for each series its last sequence and number of kept bars
  kWindow,      // instrument number, count, and that many of its fingerprints, oldest first
  kBars,        // instrument number, bar type number, sequence of the first bar, count, and that many bars
};
inline constexpr std::size_t kCheckpointKinds = 5;

// The state of a data engine when the checkpoint began, written in parts while the engine keeps running. Code calls
// before_...() ahead of each change, so that the old state is written first. Kept bars hardly ever change; the data
// that change with every tick are small.
class Checkpoint {
 public:
  // `number` is greater than those of all previous checkpoints.
  Checkpoint(std::uint32_t number, const CheckpointLimits& limits, const InstrumentBook& book,
             const BarBuilder& builder);

  // Writes the engine's own record: call head() once, then check_head().
  SnapshotWriter& head() { return of(CheckpointRecord::kEngine); }
  template <class Describe>
  void check_head(Describe describe) {
    sum_.add(CheckpointRecord::kEngine, describe);
  }
  // Writes some of the remaining records; true if none remain.
  bool write();
  // What was written since the last call.
  std::vector<Frame> take() { return records_.take(); }
  // True if too much changed to keep in memory; the checkpoint is then discarded.
  bool is_overtaken() const { return is_overtaken_; }
  // The hash of the state, valid once all is written. Equal states have equal hashes, whatever changed meanwhile.
  std::uint64_t state_hash() const { return sum_.value(); }

  // The instrument is about to change. A tick added to its run is a change too.
  void before_change(Instrument& instrument);
  // The instrument's oldest fingerprint is about to be removed.
  void before_pop_id(Instrument& instrument);
  // The oldest bar of a series, given by its number (BarBuilder), is about to be removed.
  void before_pop_bar(std::uint64_t series_number);
  // A kept bar of a type is about to be corrected.
  void before_correction(Instrument& instrument, std::uint32_t type, KeptBar& kept);

 private:
  SnapshotWriter& of(CheckpointRecord kind) { return records_.of(static_cast<std::uint32_t>(kind)); }
  void check_memory();
  void describe(Instrument& instrument);
  void describe_bars(Instrument& instrument, std::uint32_t type, std::int64_t end);
  void check_bar(const Instrument& instrument, std::uint32_t type, std::int64_t sequence, const KeptBar& kept);
  void check_id(const Instrument& instrument, std::uint64_t fingerprint);
  bool write_window(Instrument& instrument, std::size_t until);
  bool write_series(Instrument& instrument, std::uint32_t type, std::size_t until);
  bool write_instrument(Instrument& instrument, std::size_t until);

  std::uint32_t number_;
  CheckpointLimits limits_;
  const InstrumentBook& book_;
  const BarBuilder& builder_;
  Records records_;
  SnapshotWriter scratch_;
  StateSum sum_;
  bool is_overtaken_ = false;
  std::uint64_t instruments_end_;
  std::uint64_t next_instrument_ = 0;
};

}  // namespace alphaforge::data
