#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason.hpp"
#include "data/bar_builder.hpp"
#include "data/config.hpp"
#include "data/counters.hpp"
#include "data/instrument_book.hpp"
#include "data/rate_meter.hpp"
#include "data/rejection.hpp"
#include "model/bar.hpp"
#include "model/duplicate_budget.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

// What a call with ticks came to. Rows that are neither rejected nor duplicates were accepted.
struct ProcessResult {
  std::vector<Bar> bars;  // closed or corrected, in order
  std::vector<std::uint32_t> bar_rows;  // per bar the row of the tick that did it
  std::vector<Rejection> rejected;
  std::vector<std::uint32_t> duplicates;
  std::uint64_t taken = 0;  // ticks from the first on that the call has dealt with; those after them have changed nothing
  std::uint64_t accepted = 0;
  // The engine's counters after the call: ticks accepted and bars emitted since it was last empty.
  std::uint64_t tick_sequence = 0;
  std::uint64_t bar_sequence = 0;
};

inline constexpr std::size_t kAllBars = std::numeric_limits<std::size_t>::max();

// Trade ticks to bars. Safe to call from many threads; every call is one step under the engine's lock.
//
// A tick passes four stages: it is refused by a rule, or else dropped as a duplicate, or else given to the builder,
// which closes, corrects and fills bars; closed bars are kept for queries. `now_ns` is a monotonic clock's time, used for
// nothing but the rate.
class DataEngine {
 public:
  explicit DataEngine(DataEngineConfig config);

  // Whether somebody has to time the calls, for took().
  bool is_timed() const { return is_timed_; }
  std::vector<std::string> bar_types() const;
  // Appends those it lacks; throws InvalidArgument as the configuration does.
  void add_bar_types(const std::vector<std::string>& names);

  // Takes other settings over and keeps the state. Types that it lacks are added, the others stay; what is beyond smaller
  // bounds goes, the oldest first, except instruments. Throws InvalidArgument as the constructor does, and SETTING_INVALID
  // for another grid of time bars where there are instruments.
  void reconfigure(const DataEngineConfig& config);

  void start();
  // With `flush_on_stop`, returns the open bars, closed as partial.
  std::vector<Bar> stop();
  bool is_running() const;

  // `result` is empty when it is given.
  void process(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result);
  // The same, unless another thread is inside: false, and nothing was done.
  bool try_process(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result);
  bool try_process(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result, std::size_t bars_max = kAllBars);
  // Ends before a tick when so many bars have closed. A batch that is cut like that does what its first ticks alone do.
  void process(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result, std::size_t bars_max = kAllBars);
  void took(std::uint64_t ticks, std::int64_t elapsed_ns) { meter_.took(ticks, elapsed_ns); }

  // Market time of every instrument is at least `now`; returns the bars that this closed.
  // Throws InvalidArgument TIME_OUT_OF_RANGE.
  std::vector<Bar> advance_time(std::int64_t now);

  // Closed bars with start <= ts_open < end, ascending, the newest `limit`. None for an unknown instrument; throws
  // InvalidArgument BAR_TYPE_INVALID for what is no bar type, BAR_TYPE_UNKNOWN for one that the engine doesn't build.
  std::vector<Bar> get_bars(std::string_view instrument_id, std::string_view bar_type, std::optional<std::size_t> limit,
                            std::optional<std::int64_t> start, std::optional<std::int64_t> end) const;
  std::vector<Bar> open_bars(std::string_view instrument_id) const;
  std::vector<std::string> instruments() const;
  // None where nothing of the instrument was accepted yet.
  std::optional<std::int64_t> market_time(std::string_view instrument_id) const;
  DataEngineStatistics statistics(std::int64_t now_ns) const;

  // Empties the engine, or forgets one instrument; begins a new epoch either way.
  void reset();
  void reset(std::string_view instrument_id);
  // How often it was reset.
  std::uint64_t epoch() const;

  // Throws EngineError INTERNAL where the state contradicts itself.
  void validate() const;
  // Equal states have equal hashes, in every process.
  std::uint64_t state_hash() const;

  // The whole state as bytes, for a checkpoint; what rate and latency are made of is left out.
  std::string snapshot() const;
  // The state of a snapshot into an empty engine, and the bar types that it had. Types of the configuration that it lacks
  // are added; smaller limits keep the newest. Throws EngineError JOURNAL_DAMAGED; the engine is then to be thrown away.
  void restore(std::string_view snapshot);

 private:
  void process_locked(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result);
  void process_locked(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result, std::size_t bars_max);
  void process_row(Instrument*& instrument, std::string_view instrument_id, const Print& print, bool value_fits,
                   std::string_view trade_id, std::size_t row, ProcessResult& result);
  void prefetch(const TradeTickBatch::Columns& columns, std::size_t row, const std::vector<TickRun*>& runs) const;
  std::optional<Reason> refusal(const Print& print, bool value_fits) const;
  Instrument* find_or_add(std::string_view instrument_id);
  void add_missing_types(const std::vector<std::string>& names);
  void forget_excess_duplicates();
  void remember(Instrument& instrument, std::uint64_t fingerprint);
  template <class Sink>
  void describe(Sink& sink) const;
  void restore_state(std::string_view snapshot);
  void restore_instrument(SnapshotReader& in);
  void validate_locked() const;
  void finish(std::uint64_t ticks, std::int64_t now_ns, ProcessResult& result);
  void clear();

  DataEngineConfig config_;
  std::atomic<bool> is_timed_;
  mutable std::mutex mutex_;
  InstrumentBook book_;
  DuplicateBudget duplicates_;
  BarBuilder builder_;
  TickRun no_run_;  // of instruments that are not known yet: closed for ever
  RateMeter meter_;
  bool is_running_ = false;
  std::uint64_t epoch_ = 0;
  std::uint64_t ticks_processed_ = 0;
  std::uint64_t ticks_rejected_ = 0;
  std::uint64_t duplicate_ticks_ = 0;
  std::uint64_t late_ticks_ = 0;
};

}  // namespace alphaforge::data
