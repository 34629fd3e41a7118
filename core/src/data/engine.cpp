#include "data/engine.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "data/times.hpp"

namespace alphaforge::data {
namespace {

DataEngineConfig validated(DataEngineConfig config) {
  config.validate();
  return config;
}

}  // namespace

DataEngine::DataEngine(DataEngineConfig config)
    : config_(validated(std::move(config))),
      is_timed_(config_.enable_statistics),
      duplicates_(static_cast<std::uint64_t>(config_.max_duplicate_entries)),
      builder_(config_, [this](std::uint64_t index) { return book_.at(index); }) {}

std::vector<std::string> DataEngine::bar_types() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& type : builder_.types()) names.push_back(type->name);
  return names;
}

void DataEngine::add_bar_types(const std::vector<std::string>& names) {
  const std::scoped_lock lock(mutex_);
  add_missing_types(names);
}

void DataEngine::add_missing_types(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const auto& type : builder_.types()) all.push_back(type->name);
  all.insert(all.end(), names.begin(), names.end());
  for (const auto& type : parse_bar_types(all))  // throws before anything is changed
    if (builder_.index_of(*type) < 0) builder_.add_type(type);
  book_.each([this](Instrument& instrument) {
    instrument.settle();
    builder_.prepare(instrument);
  });
}

void DataEngine::reconfigure(const DataEngineConfig& config) {
  config.validate();
  const std::scoped_lock lock(mutex_);
  if (config.origin_offset_ns != config_.origin_offset_ns && book_.size() != 0)
    throw InvalidArgument(Reason::SETTING_INVALID, "origin_offset_ns is " + std::to_string(config_.origin_offset_ns) +
                                                       " and can't become " + std::to_string(config.origin_offset_ns) +
                                                       " while there are bars of that grid; reset the engine first, or use another");
  add_missing_types(config.bar_types);  // throws before anything is changed
  config_ = config;
  is_timed_ = config.enable_statistics;
  duplicates_.set_entries_max(static_cast<std::uint64_t>(config.max_duplicate_entries));
  book_.each([&](Instrument& instrument) {
    while (instrument.seen.size() > static_cast<std::size_t>(config.duplicate_window)) {
      instrument.seen.pop_oldest();
      duplicates_.removed(instrument.index, 1, instrument.seen.size() == 0);
    }
  });
  forget_excess_duplicates();
  builder_.reconfigure(config_, [this](const auto& visit) { book_.each(visit); });
}

void DataEngine::start() {
  const std::scoped_lock lock(mutex_);
  is_running_ = true;
}

std::vector<Bar> DataEngine::stop() {
  const std::scoped_lock lock(mutex_);
  is_running_ = false;
  std::vector<Bar> bars;
  if (!config_.flush_on_stop) return bars;
  book_.each([&](Instrument& instrument) {
    instrument.settle();
    builder_.flush(instrument, bars);
  });
  return bars;
}

bool DataEngine::is_running() const {
  const std::scoped_lock lock(mutex_);
  return is_running_;
}

void DataEngine::process(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result) {
  const std::scoped_lock lock(mutex_);
  process_locked(tick, now_ns, result);
}

bool DataEngine::try_process(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  process_locked(tick, now_ns, result);
  return true;
}

// The first stage, what can be said of a print without its instrument.
[[gnu::always_inline]] inline std::optional<Reason> DataEngine::refusal(const Print& print, bool value_fits) const {
  if (print.price <= 0) return Reason::PRICE_NOT_POSITIVE;
  if (print.quantity == 0 && config_.zero_quantity == ZeroQuantity::kReject) return Reason::QUANTITY_NOT_POSITIVE;
  if (!is_time(print.ts_event)) return Reason::TIME_OUT_OF_RANGE;
  if (!value_fits) return Reason::VALUE_OVERFLOW;
  return std::nullopt;
}

Instrument* DataEngine::find_or_add(std::string_view instrument_id) {
  Instrument* instrument = book_.find(instrument_id);
  if (instrument != nullptr || book_.size() >= static_cast<std::size_t>(config_.max_instruments)) return instrument;
  instrument = &book_.add(instrument_id);
  builder_.prepare(*instrument);
  return instrument;
}

// The stages of one tick. `instrument` is looked up where it is null, and stays for the next tick of the same name.
[[gnu::always_inline]] inline void DataEngine::process_row(Instrument*& instrument, std::string_view instrument_id, const Print& print,
                                                           bool value_fits, std::string_view trade_id, std::size_t row,
                                                           ProcessResult& result) {
  std::optional<Reason> reason = refusal(print, value_fits);
  if (!reason && instrument == nullptr) {
    instrument = find_or_add(instrument_id);
    if (instrument == nullptr) reason = Reason::INSTRUMENT_LIMIT;
  }
  std::uint64_t fingerprint = 0;
  if (!reason && !trade_id.empty()) {
    fingerprint = fingerprint_of(trade_id, print.ts_event, Price{print.price}, Quantity{print.quantity});
    if (instrument->seen.contains(fingerprint)) {
      ++duplicate_ticks_;
      result.duplicates.push_back(static_cast<std::uint32_t>(row));
      return;
    }
  }
  if (!reason && !instrument->run.join(print, builder_.clock())) {
    instrument->settle();
    if (builder_.fits(*instrument, print))
      late_ticks_ += builder_.apply(*instrument, print, result.bars);
    else
      reason = Reason::VALUE_OVERFLOW;
  }
  if (reason) {
    ++ticks_rejected_;
    result.rejected.push_back({static_cast<std::uint32_t>(row), *reason});
    return;
  }
  if (!trade_id.empty()) remember(*instrument, fingerprint);
  if (result.bar_rows.size() != result.bars.size()) result.bar_rows.resize(result.bars.size(), static_cast<std::uint32_t>(row));
  ++result.accepted;
}

void DataEngine::process_locked(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result) {
  Print print{.price = tick.price.mantissa, .side = tick.aggressor_side, .ts_event = tick.ts_event, .ts_init = tick.ts_init};
  const bool value_fits = print.set_quantity(tick.quantity.mantissa);
  Instrument* instrument = nullptr;
  process_row(instrument, tick.instrument_id, print, value_fits, tick.trade_id, 0, result);
  finish(1, now_ns, result);
}

namespace {

std::size_t end_of_instrument(const TradeTickBatch::Columns& ticks, std::size_t row) {
  if (ticks.instrument_index == nullptr) return ticks.size;
  const std::uint32_t* const index = ticks.instrument_index;
  return static_cast<std::size_t>(std::find_if(index + row, index + ticks.size, [&](std::uint32_t at) { return at != index[row]; }) - index);
}

}  // namespace

void DataEngine::process(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result, std::size_t bars_max) {
  const std::scoped_lock lock(mutex_);
  process_locked(batch, now_ns, result, bars_max);
}

bool DataEngine::try_process(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result, std::size_t bars_max) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  process_locked(batch, now_ns, result, bars_max);
  return true;
}

void DataEngine::process_locked(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result, std::size_t bars_max) {
  const TradeTickBatch::Columns columns = batch.columns();
  const bool has_ids = !batch.trade_id_ends.empty();
  // Each name of the batch's dictionary is looked up once.
  std::vector<Instrument*> instruments(batch.instrument_ids.size(), nullptr);
  std::vector<TickRun*> runs(batch.instrument_ids.size(), &no_run_);
  std::size_t row = 0;
  std::size_t end = 0;  // of the consecutive rows of one instrument
  while (row < columns.size && result.bars.size() < bars_max) {
    const std::size_t at = columns.instrument_of(row);
    if (row >= end) end = end_of_instrument(columns, row);
    if (runs.size() > 1) prefetch(columns, row, runs);
    // Ids have to be looked up one by one.
    if (!has_ids) {
      const std::size_t taken = end - row > 1 ? runs[at]->join(columns, row, end, builder_.clock())
                                              : runs[at]->join(print_of(columns, row), builder_.clock());
      result.accepted += taken;
      row += taken;
      if (taken != 0) continue;
    }
    Print print = print_of(columns, row);
    const bool value_fits = columns.quantities[row] != TradeTickBatch::kWide || print.set_quantity(batch.quantity_of(row));
    process_row(instruments[at], batch.instrument_ids[at], print, value_fits, batch.trade_id_of(row), row, result);
    if (instruments[at] != nullptr) runs[at] = &instruments[at]->run;
    ++row;
  }
  finish(row, now_ns, result);
}

// The state of many instruments does not fit the caches near the processor: it is asked for some rows ahead.
inline void DataEngine::prefetch(const TradeTickBatch::Columns& columns, std::size_t row, const std::vector<TickRun*>& runs) const {
  constexpr std::size_t kRowsAhead = 16;
  if (row + kRowsAhead < columns.size) runs[columns.instrument_of(row + kRowsAhead)]->prefetch();
}

void DataEngine::remember(Instrument& instrument, std::uint64_t fingerprint) {
  if (config_.duplicate_window == 0) return;
  if (instrument.seen.size() >= static_cast<std::size_t>(config_.duplicate_window)) {
    instrument.seen.pop_oldest();
    duplicates_.removed(instrument.index, 1, false);
  }
  instrument.seen.push(fingerprint);
  duplicates_.added(instrument.index);
  forget_excess_duplicates();
}

void DataEngine::forget_excess_duplicates() {
  while (duplicates_.exceeded()) {
    Instrument& idle = *book_.at(duplicates_.longest_idle());
    idle.seen.pop_oldest();
    duplicates_.removed(idle.index, 1, idle.seen.size() == 0);
  }
}

void DataEngine::finish(std::uint64_t ticks, std::int64_t now_ns, ProcessResult& result) {
  result.taken = ticks;
  if (ticks != 0) is_running_ = true;
  if (config_.enable_statistics) meter_.received(ticks, now_ns);
  ticks_processed_ += result.accepted;
  result.tick_sequence = ticks_processed_;
  result.bar_sequence = builder_.bars_generated() + builder_.bars_revised();
}

std::vector<Bar> DataEngine::advance_time(std::int64_t now) {
  if (!is_time(now))
    throw InvalidArgument(Reason::TIME_OUT_OF_RANGE, "now_ns is " + std::to_string(now) +
                                                         "; expected nanoseconds since 1970, before the last day of 64 bits");
  const std::scoped_lock lock(mutex_);
  std::vector<Bar> bars;
  builder_.advance(now, bars);
  return bars;
}

void DataEngine::reset() {
  const std::scoped_lock lock(mutex_);
  clear();
  ++epoch_;
}

void DataEngine::reset(std::string_view instrument_id) {
  const std::scoped_lock lock(mutex_);
  ++epoch_;
  const Instrument* instrument = book_.find(instrument_id);
  if (instrument == nullptr) return;
  builder_.forget(*instrument);
  duplicates_.removed(instrument->index, instrument->seen.size(), true);
  book_.remove(*instrument);
}

void DataEngine::clear() {
  book_.clear();
  duplicates_.clear();
  builder_.clear();
  meter_.clear();
  ticks_processed_ = ticks_rejected_ = duplicate_ticks_ = late_ticks_ = 0;
}

std::uint64_t DataEngine::epoch() const {
  const std::scoped_lock lock(mutex_);
  return epoch_;
}

}  // namespace alphaforge::data
