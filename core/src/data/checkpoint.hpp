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
  kEngine = 1,  // one; then the numbers of the instruments whose fingerprints go first, and -1
  kInstrument,  // its number; as one text: its id, its open bars, then per series the last sequence and the bars kept
  kWindow,      // an instrument's number, a count, and that many of its fingerprints, from the oldest on
  kBars,        // an instrument's and a type's number, the first bar's sequence, a count, and that many bars
};
inline constexpr std::size_t kCheckpointKinds = 5;

// The state of a data engine at the beginning of the checkpoint, written in parts while the engine continues: code that
// is about to change something unwritten reports it, so that it is written first. Kept bars hardly ever change; the
// data that change with every tick are small.
class Checkpoint {
 public:
  // `number` is greater than those of all previous checkpoints.
  Checkpoint(std::uint32_t number, const CheckpointLimits& limits, const InstrumentBook& book,
             const BarBuilder& builder);

  // Where the engine is described, once, and checked.
  SnapshotWriter& head() { return of(CheckpointRecord::kEngine); }
  template <class Describe>
  void check_head(Describe describe) {
    sum_.add(CheckpointRecord::kEngine, describe);
  }
  // Writes some of the records that are left; true if those were the last.
  bool write();
  // What was written since the last call.
  std::vector<Frame> take() { return records_.take(); }
  // Too much has changed to keep in memory: what is written is discarded.
  bool is_overtaken() const { return is_overtaken_; }
  // The hash of the state, once all is written: equal states have equal hashes, whatever changed meanwhile.
  std::uint64_t state_hash() const { return sum_.value(); }

  // The instrument is about to change, even if only by a tick that is added to its run.
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
