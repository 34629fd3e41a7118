#include "data/aggregator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "data/checkpoint.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/duplicate_window.hpp"
#include "model/grid.hpp"
#include "model/numbers.hpp"
#include "model/time_guard.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {
namespace {

// The checked configuration, with its names sorted and each only once.
DataEngineConfig validated(DataEngineConfig config) {
  std::vector<std::string>& names = config.negative_price_instruments;
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  config.validate();
  return config;
}

}  // namespace

Aggregator::Aggregator(DataEngineConfig config)
    : config_(validated(std::move(config))),
      duplicates_(static_cast<std::uint64_t>(config_.max_duplicate_entries)),
      builder_(config_, [this](std::uint64_t index) { return book_.at(index); }, checkpoint_) {}

Aggregator::~Aggregator() = default;

void Aggregator::tell_checkpoint(Instrument& instrument) { checkpoint_.get()->before_change(instrument); }

void Aggregator::pop_oldest_id(Instrument& instrument) {
  if (checkpoint_.get() != nullptr) checkpoint_.get()->before_pop_id(instrument);
  instrument.seen.pop_oldest();
}

std::vector<std::string> Aggregator::bar_types() const {
  std::vector<std::string> names;
  for (const auto& type : builder_.types()) names.push_back(type->name);
  return names;
}

std::vector<std::string> Aggregator::time_zones() const {
  std::vector<std::string> names;
  for (const auto& zone : builder_.clocks().zones) names.push_back(zone->name());
  return names;
}

std::vector<std::string> Aggregator::calendars() const {
  std::vector<std::string> texts;
  for (const auto& calendar : builder_.clocks().calendars) texts.push_back(calendar->text());
  return texts;
}

void Aggregator::add_bar_types(const std::vector<std::string>& names, const std::vector<std::string>& time_zones,
                               const std::vector<std::string>& calendars) {
  std::vector<std::string> all;
  for (const auto& type : builder_.types()) all.push_back(type->name);
  all.insert(all.end(), names.begin(), names.end());
  const auto types = parse_bar_types(all);  // throws before anything is changed
  const Clocks clocks{joined(builder_.clocks().zones, parse_time_zones(time_zones)),
                      joined(builder_.clocks().calendars, parse_calendars(calendars))};
  check_names(clocks);
  for (const auto& type : types) Grid(*type, config_.origin_offset_ns, clocks);  // the same
  builder_.set_clocks(clocks);
  checkpoint_.end();
  for (const auto& type : types)
    if (builder_.index_of(*type) < 0) builder_.add_type(type);
  book_.each([this](Instrument& instrument) {
    instrument.flush_pending();
    builder_.prepare(instrument);
  });
}

void Aggregator::reconfigure(const DataEngineConfig& given) {
  DataEngineConfig added = given;
  const std::vector<std::string>& negative = config_.negative_price_instruments;
  added.negative_price_instruments.insert(added.negative_price_instruments.end(), negative.begin(), negative.end());
  const DataEngineConfig config = validated(std::move(added));
  if (config.origin_offset_ns != config_.origin_offset_ns && book_.size() != 0)
    throw InvalidArgument(Reason::SETTING_INVALID,
                          "origin_offset_ns is " + std::to_string(config_.origin_offset_ns) + " and can't become " +
                              std::to_string(config.origin_offset_ns) +
                              " while there are bars of that grid; reset the engine first, or use another");
  add_bar_types(config.bar_types, config.time_zones, config.calendars);  // throws before anything is changed
  config_ = config;
  if (received_ns_ != kNoTime) receive_at(received_ns_);
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

void Aggregator::receive_at(std::int64_t received_ns) {
  received_ns_ = received_ns;
  latest_ = latest_time(received_ns, config_.max_time_jump_ns);
}

// Rule 1.8; call before reading latest_.
bool Aggregator::is_ahead(std::int64_t ts) {
  if (clock_ != nullptr && (ts > latest_ || received_ns_ == kNoTime)) receive_at(clock_());
  return ts > latest_;
}

std::vector<Bar> Aggregator::stop() {
  is_running_ = false;
  std::vector<Bar> bars;
  if (!config_.flush_on_stop) return bars;
  book_.each([&](Instrument& instrument) {
    touch(instrument);
    instrument.flush_pending();
    builder_.flush(instrument, bars);
  });
  return bars;
}

bool Aggregator::may_be_negative(std::string_view instrument_id) const {
  const std::vector<std::string>& names = config_.negative_price_instruments;
  return std::binary_search(names.begin(), names.end(), instrument_id, std::less<>());
}

// The first stage: checks of a tick that don't need its instrument.
[[gnu::always_inline]] inline std::optional<Reason> Aggregator::refusal(const Print& print,
                                                                        std::string_view instrument_id,
                                                                        bool value_fits) const {
  if (print.price <= 0 && !is_tradable({print.price}, may_be_negative(instrument_id))) [[unlikely]]
    return Reason::PRICE_NOT_POSITIVE;
  if (print.quantity == 0 && config_.zero_quantity == ZeroQuantity::kReject) return Reason::QUANTITY_NOT_POSITIVE;
  if (!is_time(print.ts_event)) return Reason::TIME_OUT_OF_RANGE;
  if (print.ts_event > latest_) return Reason::TIME_AHEAD;
  if (!value_fits) return Reason::VALUE_OVERFLOW;
  return std::nullopt;
}

Instrument* Aggregator::find_or_add(std::string_view instrument_id) {
  Instrument* instrument = book_.find_again(instrument_id);
  if (instrument != nullptr || book_.size() >= static_cast<std::size_t>(config_.max_instruments)) return instrument;
  instrument = &book_.add(instrument_id);
  builder_.prepare(*instrument);
  return instrument;
}

// The stages of one tick. `instrument` is looked up if null, and kept for the next tick of the same name.
[[gnu::always_inline]] inline void Aggregator::process_row(Instrument*& instrument, std::string_view instrument_id,
                                                           const Print& print, bool value_fits,
                                                           std::string_view trade_id, std::size_t row,
                                                           ProcessResult& result) {
  std::optional<Reason> reason = refusal(print, instrument_id, value_fits);
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
  if (!reason) touch(*instrument);
  if (!reason && !instrument->run.join(print, builder_.clock())) {
    instrument->flush_pending();
    if (const auto is_late = builder_.apply(*instrument, print, result.bars))
      late_ticks_ += *is_late;
    else
      reason = Reason::VALUE_OVERFLOW;
  }
  if (reason) {
    ++ticks_rejected_;
    result.rejected.push_back({static_cast<std::uint32_t>(row), *reason});
    return;
  }
  if (!trade_id.empty()) remember(*instrument, fingerprint);
  if (result.bar_rows.size() != result.bars.size())
    result.bar_rows.resize(result.bars.size(), static_cast<std::uint32_t>(row));
  ++result.accepted;
}

void Aggregator::process(const TradeTick& tick, std::int64_t now_ns, ProcessResult& result) {
  Print print{
      .price = tick.price.mantissa, .side = tick.aggressor_side, .ts_event = tick.ts_event, .ts_init = tick.ts_init};
  const bool value_fits = print.set_quantity(tick.quantity.mantissa);
  is_ahead(tick.ts_event);
  Instrument* instrument = nullptr;
  process_row(instrument, tick.instrument_id, print, value_fits, tick.trade_id, 0, result);
  finish(1, now_ns, result);
}

namespace {

std::size_t end_of_instrument(const TradeTickBatch::Columns& ticks, std::size_t row) {
  if (ticks.instrument_index == nullptr) return ticks.size;
  const std::uint32_t* const index = ticks.instrument_index;
  return static_cast<std::size_t>(
      std::find_if(index + row, index + ticks.size, [&](std::uint32_t at) { return at != index[row]; }) - index);
}

std::int64_t greatest_time(const TradeTickBatch::Columns& ticks) {
  std::int64_t greatest = kNoTime;
  for (std::size_t row = 0; row < ticks.size; ++row) greatest = std::max(greatest, ticks.ts_event[row]);
  return greatest;
}

}  // namespace

void Aggregator::process(const TradeTickBatch& batch, std::int64_t now_ns, ProcessResult& result,
                         std::size_t bars_max) {
  const TradeTickBatch::Columns columns = batch.columns();
  const bool has_ahead = is_ahead(greatest_time(columns));
  // Ids, and times that are too far ahead, have to be checked one by one.
  const bool joins = batch.trade_id_ends.empty() && !has_ahead;
  // Each name of the batch's dictionary is looked up once.
  std::vector<Instrument*> instruments(batch.instrument_ids.size(), nullptr);
  std::vector<TickRun*> runs(batch.instrument_ids.size(), &no_run_);
  if (joins && instruments.size() > 1 && instruments.size() <= columns.size) {
    book_.find(batch.instrument_ids, instruments);
    // While a checkpoint is written, it must be notified before the first tick of each instrument.
    for (std::size_t i = 0; i < runs.size() && checkpoint_.get() == nullptr; ++i)
      if (instruments[i] != nullptr) runs[i] = &instruments[i]->run;
  }
  std::size_t row = 0;
  std::size_t end = 0;  // of the consecutive rows of one instrument
  while (row < columns.size && result.bars.size() < bars_max) {
    const std::size_t at = columns.instrument_of(row);
    if (row >= end) end = end_of_instrument(columns, row);
    if (runs.size() > 1) prefetch(columns, row, runs);
    if (joins) {
      const std::size_t taken = end - row > 1 ? runs[at]->join(columns, row, end, builder_.clock())
                                              : runs[at]->join(print_of(columns, row), builder_.clock());
      result.accepted += taken;
      row += taken;
      if (taken != 0) continue;
    }
    Print print = print_of(columns, row);
    const bool value_fits =
        columns.quantities[row] != TradeTickBatch::kWide || print.set_quantity(batch.quantity_of(row));
    process_row(instruments[at], batch.instrument_ids[at], print, value_fits, batch.trade_id_of(row), row, result);
    if (instruments[at] != nullptr) runs[at] = &instruments[at]->run;
    ++row;
  }
  finish(row, now_ns, result);
}

// The state of many instruments does not fit the CPU cache, so it is prefetched some rows ahead.
inline void Aggregator::prefetch(const TradeTickBatch::Columns& columns, std::size_t row,
                                 const std::vector<TickRun*>& runs) const {
  constexpr std::size_t kRowsAhead = 16;
  if (row + kRowsAhead < columns.size) runs[columns.instrument_of(row + kRowsAhead)]->prefetch();
}

void Aggregator::remember(Instrument& instrument, std::uint64_t fingerprint) {
  if (config_.duplicate_window == 0) return;
  if (instrument.seen.size() >= static_cast<std::size_t>(config_.duplicate_window)) {
    pop_oldest_id(instrument);
    duplicates_.removed(instrument.index, 1, false);
  }
  instrument.seen.push(fingerprint);
  duplicates_.added(instrument.index);
  forget_excess_duplicates();
}

void Aggregator::forget_excess_duplicates() {
  while (duplicates_.exceeded()) {
    Instrument& idle = *book_.at(duplicates_.longest_idle());
    pop_oldest_id(idle);
    duplicates_.removed(idle.index, 1, idle.seen.size() == 0);
  }
}

void Aggregator::finish(std::uint64_t ticks, std::int64_t now_ns, ProcessResult& result) {
  result.taken = ticks;
  if (ticks != 0) is_running_ = true;
  if (config_.enable_statistics) meter_.received(ticks, now_ns);
  ticks_processed_ += result.accepted;
  result.tick_sequence = ticks_processed_;
  result.bar_sequence = builder_.bars_generated() + builder_.bars_revised();
}

bool Aggregator::advance_time(std::int64_t now, std::vector<Bar>& bars, std::size_t bars_max) {
  if (!is_time(now))
    throw InvalidArgument(
        Reason::TIME_OUT_OF_RANGE,
        "now_ns is " + std::to_string(now) + "; expected nanoseconds since 1970, at least a day below 2^63");
  if (is_ahead(now))
    throw InvalidArgument(Reason::TIME_AHEAD, "now_ns " + std::to_string(now) + " is " +
                                                  std::to_string(now - received_ns_) +
                                                  " ns after the call was received; max_time_jump_ns allows " +
                                                  std::to_string(config_.max_time_jump_ns) + " (0: no limit)");
  return builder_.advance(now, bars, bars_max);
}

void Aggregator::reset() {
  clear();
  ++epoch_;
}

void Aggregator::reset(std::string_view instrument_id) {
  checkpoint_.end();
  ++epoch_;
  const Instrument* instrument = book_.find(instrument_id);
  if (instrument == nullptr) return;
  builder_.forget(*instrument);
  duplicates_.removed(instrument->index, instrument->seen.size(), true);
  book_.remove(*instrument);
}

void Aggregator::clear() {
  checkpoint_.end();
  book_.clear();
  duplicates_.clear();
  builder_.clear();
  meter_.clear();
  ticks_processed_ = ticks_rejected_ = duplicate_ticks_ = late_ticks_ = 0;
}

}  // namespace alphaforge::data
