#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/frames.hpp"
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "execution/event_log.hpp"
#include "execution/instrument.hpp"
#include "execution/ledger.hpp"
#include "execution/order_record.hpp"

namespace alphaforge::execution {

// The records of a checkpoint written in the background, by kind.
enum class CheckpointRecord : std::uint32_t {
  kEngine = 1,  // once
  kInstrument,  // number, then the output of describe_instrument()
  kWindow,      // instrument number, count, and that many of its fingerprints, oldest first
  kStrategy,
  kOrder,  // unordered
  kFill,   // by sequence
  kEvent,  // by sequence
};
inline constexpr std::size_t kCheckpointKinds = 8;

// The state of a venue when the checkpoint began, written in parts while the venue keeps running. Code calls
// before_...() ahead of each change, so that the old state is written first. Queues and indexes are derived from the
// records.
//
// The parts are also hashed. With `is_hash`, they are only hashed, not written.
class Checkpoint {
 public:
  struct Pieces {
    const Ledger& ledger;
    const EventLog& events;
    const std::vector<Instrument*>& instruments;
    const std::vector<Strategy*>& strategies;
  };

  // `number` is greater than those of all previous checkpoints.
  Checkpoint(std::uint32_t number, const CheckpointLimits& limits, const Pieces& pieces, bool is_hash);

  // `describe(sink)` for the engine, once.
  template <class Describe>
  void describe_head(Describe describe) {
    put(CheckpointRecord::kEngine, describe);
  }
  // Writes some of the remaining records; true if none remain.
  bool write();
  // The hash of the state, once all is written.
  std::uint64_t state_hash() const { return sum_.value(); }
  // What was written since the last call.
  std::vector<Frame> take() { return records_.take(); }
  // True if too much changed to keep in memory; the checkpoint is then discarded.
  bool is_overtaken() const { return is_overtaken_; }

  // These are about to change.
  void before_change(Instrument& instrument);
  void before_change(Strategy& strategy);
  void before_change(OrderRecord& order);
  // The instrument's oldest fingerprint is about to be removed.
  void before_pop(Instrument& instrument);
  // The order and its fills are about to be removed.
  void before_release(OrderRecord& order);
  // The events up to that one are about to be removed.
  void before_drop(std::int64_t sequence);

 private:
  SnapshotWriter& of(CheckpointRecord kind) { return records_.of(static_cast<std::uint32_t>(kind)); }
  template <class Describe>
  void put(CheckpointRecord kind, Describe describe) {
    sum_.add(kind, describe);
    if (is_hash_)
      hashed_bytes_ += kHashedBytes;
    else
      describe(of(kind));
  }
  std::size_t bytes() const { return is_hash_ ? hashed_bytes_ : records_.bytes(); }
  void put_window(Instrument& instrument, std::uint64_t end);
  void check_memory();
  void describe(Instrument& instrument);
  void describe(Strategy& strategy);
  bool is_unwritten(const FillRecord& fill) const;
  bool write_instruments(std::size_t until);
  bool write_strategies(std::size_t until);
  void put_event();
  bool write_events(std::size_t until);
  bool write_fills(std::size_t until);
  bool write_orders(std::size_t until);

  std::uint32_t number_;
  CheckpointLimits limits_;
  Pieces pieces_;
  Records records_;
  StateSum sum_;
  bool is_hash_;
  std::size_t hashed_bytes_ = 0;
  bool is_overtaken_ = false;
  // Where each kind ends, and the next record to write.
  std::size_t instruments_end_;
  std::size_t strategies_end_;
  std::int64_t last_event_;
  std::int64_t last_order_;
  std::size_t next_instrument_ = 0;
  std::size_t next_strategy_ = 0;
  std::int64_t next_event_;
  const FillRecord* next_fill_;
  std::int64_t written_fill_ = 0;   // sequence of the last fill written in order
  std::int64_t written_order_ = 0;  // number of the last order written in order
};

}  // namespace alphaforge::execution
