#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/frames.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "data/bar_builder.hpp"
#include "data/config.hpp"
#include "data/counters.hpp"
#include "data/instrument.hpp"
#include "data/instrument_book.hpp"
#include "data/open_bar.hpp"
#include "data/rate_meter.hpp"
#include "data/rejection.hpp"
#include "data/tick_run.hpp"
#include "model/bar.hpp"
#include "model/duplicate_budget.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

// The result of a call with ticks. Rows that are neither rejected nor duplicates were accepted.
struct ProcessResult {
  std::vector<Bar> bars;                // closed or corrected, in order
  std::vector<std::uint32_t> bar_rows;  // per bar, the row of the tick that caused it
  std::vector<Rejection> rejected;
  std::vector<std::uint32_t> duplicates;
  std::uint64_t taken = 0;  // the number of ticks processed, from the first on; later ones have changed nothing
  std::uint64_t accepted = 0;
  // The engine's counters after the call: ticks accepted and bars emitted since it was last empty.
  std::uint64_t tick_sequence = 0;
  std::uint64_t bar_sequence = 0;
};

// Which closed bars to list: start <= ts_open < end and a lower sequence, the newest `limit`.
struct BarFilter {
  std::size_t limit = kAllBars;
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  std::int64_t before_sequence = INT64_MAX;
};

// Builds bars from trade ticks; single-threaded and without a clock.
//
// A tick is rejected by a rule, or dropped as a duplicate, or passed to the builder, which closes, corrects and fills
// bars; closed bars are kept for queries. `now_ns` is the time of a monotonic clock, only used for the rate.
class Aggregator {
 public:
  explicit Aggregator(DataEngineConfig config);
  ~Aggregator();
  Aggregator(const Aggregator&) = delete;
  Aggregator& operator=(const Aggregator&) = delete;

  std::vector<std::string> bar_types() const;
  // Adds missing types, and the rules of time zones that are not known yet; throws InvalidArgument like the
  // configuration.
  void add_bar_types(const std::vector<std::string>& names, const std::vector<std::string>& time_zones = {},
                     const std::vector<std::string>& calendars = {});
  // The names of the time zones whose rules the engine has.
  std::vector<std::string> time_zones() const;
  // The calendars as texts.
  std::vector<std::string> calendars() const;

  // Changes settings and keeps the state. Missing types and negative_price_instruments are added, the others stay;
  // state beyond smaller limits is dropped, the oldest first, except instruments. Throws InvalidArgument as the
  // constructor does, and SETTING_INVALID for another grid of time bars if there are instruments.
  void reconfigure(const DataEngineConfig& config);

  // Rule 1.8: sets when the following calls are received, in nanoseconds since the Unix epoch, or a clock for that,
  // which is read only if a time exceeds what its last reading allows. Until either is set, no time is too far ahead.
  void receive_at(std::int64_t received_ns);
  void receive_by(std::int64_t (*clock)()) { clock_ = clock; }

  void start() { is_running_ = true; }
  // With `flush_on_stop`, returns the open bars, closed as partial.
  std::vector<Bar> stop();
  bool is_running() const { return is_running_; }

  // The given `result` must be empty.
  void process(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result);
  // Stops before a tick once `bars_max` bars have closed; the result then covers the ticks before it.
  void process(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result,
               std::size_t bars_max = kAllBars);

  // Advances market time of every instrument to at least `now`; appends the bars that this closes. False if more than
  // `bars_max` are due: the others close with the next call, or with the next tick of their instrument.
  // Throws InvalidArgument TIME_OUT_OF_RANGE, TIME_AHEAD.
  bool advance_time(std::int64_t now, std::vector<Bar>& bars, std::size_t bars_max = kAllBars);

  // Closed bars that match, ascending. None for an unknown instrument; throws InvalidArgument BAR_TYPE_INVALID for an
  // invalid bar type, BAR_TYPE_UNKNOWN for one that the engine doesn't build.
  std::vector<Bar> get_bars(std::string_view instrument_id, std::string_view bar_type, const BarFilter& filter) const;
  std::vector<Bar> open_bars(std::string_view instrument_id) const;
  std::vector<std::string> instruments() const;
  // Instruments in order of first sight: at most `limit`, without the first `skipped`.
  struct Listed {
    std::string id;
    std::int64_t market_time;
  };
  std::vector<Listed> instruments(std::uint64_t skipped, std::size_t limit) const;
  // None before the instrument's first accepted tick.
  std::optional<std::int64_t> market_time(std::string_view instrument_id) const;
  // All but the latency, which the caller measures.
  DataEngineStatistics statistics(std::int64_t now_ns) const;

  // Resets the engine or one instrument; either starts a new epoch.
  void reset();
  void reset(std::string_view instrument_id);
  // The number of resets.
  std::uint64_t epoch() const { return epoch_; }

  // Throws EngineError INTERNAL if the state is inconsistent.
  void validate() const;
  // Equal states have equal hashes, in every process.
  std::uint64_t state_hash() const;

  // The whole state as bytes, for a checkpoint, without the measured rate.
  std::string snapshot() const;
  // Restores a snapshot or a checkpoint, with its bar types, into an empty engine. Adds types of the configuration that
  // are missing there; smaller limits keep the newest. Throws EngineError JOURNAL_DAMAGED; the engine is then unusable.
  void restore(std::string_view snapshot);

  // Begins a checkpoint of the current state, written piece by piece while calls continue (CheckpointPieces), and
  // returns its number for calls of checkpoint(). A later checkpoint, a change of settings or a reset ends it.
  std::uint32_t begin_checkpoint(const CheckpointLimits& limits);
  CheckpointSlot<Checkpoint>& checkpoint() { return checkpoint_; }

 private:
  void process_row(Instrument*& instrument, std::string_view instrument_id, const Print& print, bool value_fits,
                   std::string_view trade_id, std::size_t row, ProcessResult& result);
  void prefetch(const TradeTickBatch::Columns& columns, std::size_t row, const std::vector<TickRun*>& runs) const;
  std::optional<Reason> refusal(const Print& print, std::string_view instrument_id, bool value_fits) const;
  bool may_be_negative(std::string_view instrument_id) const;
  bool is_ahead(std::int64_t ts);
  Instrument* find_or_add(std::string_view instrument_id);
  void forget_excess_duplicates();
  void remember(Instrument& instrument, std::uint64_t fingerprint);
  template <class Sink>
  void describe(Sink& sink) const;
  template <class Sink>
  void describe_engine(Sink& sink) const;
  void touch(Instrument& instrument) {
    if (checkpoint_.get() != nullptr) [[unlikely]]
      tell_checkpoint(instrument);
  }
  void tell_checkpoint(Instrument& instrument);
  void pop_oldest_id(Instrument& instrument);
  void restore_state(std::string_view snapshot);
  void restore_snapshot(std::string_view snapshot);
  void restore_checkpoint(std::string_view checkpoint);
  void restore_engine(SnapshotReader& in);
  Instrument& restore_name(SnapshotReader& in);
  void restore_ids(SnapshotReader& in, Instrument& instrument);
  void finish(std::uint64_t ticks, std::int64_t now_ns, ProcessResult& result);
  void clear();

  DataEngineConfig config_;
  CheckpointSlot<Checkpoint> checkpoint_;
  InstrumentBook book_;
  DuplicateBudget duplicates_;
  BarBuilder builder_;
  TickRun no_run_;  // used for unknown instruments: accepts no tick
  RateMeter meter_;
  std::int64_t (*clock_)() = nullptr;
  std::int64_t received_ns_ = kNoTime;
  std::int64_t latest_ = kNever;  // the latest time allowed in what was received at received_ns_
  bool is_running_ = false;
  std::uint64_t epoch_ = 0;
  std::uint64_t ticks_processed_ = 0;
  std::uint64_t ticks_rejected_ = 0;
  std::uint64_t duplicate_ticks_ = 0;
  std::uint64_t late_ticks_ = 0;
};

}  // namespace alphaforge::data
