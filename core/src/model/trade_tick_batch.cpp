#include "model/trade_tick_batch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "model/names.hpp"
#include "model/trade_tick.hpp"

namespace alphaforge {
namespace {

template <class T>
std::vector<T> picked(const std::vector<T>& column, const std::vector<bool>& keep) {
  std::vector<T> out;
  out.reserve(column.size());
  for (std::size_t row = 0; row < column.size(); ++row)
    if (keep[row]) out.push_back(column[row]);
  return out;
}

[[noreturn]] void refuse_row(Reason reason, const char* column, std::size_t row, const std::string& what) {
  throw InvalidArgument(reason, std::string(column) + "[" + std::to_string(row) + "] " + what);
}

}  // namespace

int128 TradeTickBatch::wide_quantity_of(std::size_t row) const {
  const auto found = std::lower_bound(wide_quantities.begin(), wide_quantities.end(), row,
                                      [](const WideQuantity& wide, std::size_t at) { return wide.row < at; });
  return found->mantissa;
}

TradeTick TradeTickBatch::tick_of(std::size_t row) const {
  return {.instrument_id = instrument_ids[instrument_of(row)],
          .price = {prices[row]},
          .quantity = {quantity_of(row)},
          .aggressor_side = side_of(row),
          .trade_id = std::string(trade_id_of(row)),
          .ts_event = ts_event[row],
          .ts_init = ts_init_of(row)};
}

TradeTickBatch TradeTickBatch::of(const TradeTick& tick) {
  TradeTickBatch batch;
  batch.instrument_ids = {tick.instrument_id};
  batch.prices = {tick.price.mantissa};
  batch.push_quantity(tick.quantity.mantissa);
  batch.sides = {static_cast<std::uint8_t>(tick.aggressor_side)};
  batch.ts_event = {tick.ts_event};
  batch.ts_init = {tick.ts_init};
  if (!tick.trade_id.empty()) batch.push_trade_id(tick.trade_id);
  return batch;
}

void TradeTickBatch::push_quantity(int128 mantissa) {
  const auto narrow = static_cast<std::int64_t>(mantissa);
  if (narrow == mantissa && narrow != kWide) return quantities.push_back(narrow);
  wide_quantities.push_back({quantities.size(), mantissa});
  quantities.push_back(kWide);
}

void TradeTickBatch::push_trade_id(std::string_view id) {
  trade_id_text.append(id);
  trade_id_ends.push_back(trade_id_text.size());
}

TradeTickBatch TradeTickBatch::slice(std::size_t first, std::size_t last) const {
  const auto cut = [&](const auto& column) {
    using Rows = std::remove_cvref_t<decltype(column)>;
    if (column.empty()) return Rows();
    return Rows(column.begin() + static_cast<std::ptrdiff_t>(first),
                column.begin() + static_cast<std::ptrdiff_t>(last));
  };
  TradeTickBatch out;
  out.instrument_ids = instrument_ids;
  out.instrument_index = cut(instrument_index);
  out.prices = cut(prices);
  out.quantities = cut(quantities);
  out.sides = cut(sides);
  out.ts_event = cut(ts_event);
  out.ts_init = cut(ts_init);
  out.trade_id_ends = cut(trade_id_ends);
  if (!out.trade_id_ends.empty()) {
    const std::uint64_t begin = first == 0 ? 0 : trade_id_ends[first - 1];
    out.trade_id_text = trade_id_text.substr(begin, out.trade_id_ends.back() - begin);
    for (std::uint64_t& end : out.trade_id_ends) end -= begin;
  }
  for (const WideQuantity& wide : wide_quantities)
    if (wide.row >= first && wide.row < last) out.wide_quantities.push_back({wide.row - first, wide.mantissa});
  return out;
}

TradeTickBatch TradeTickBatch::filtered(const std::vector<bool>& keep) const {
  TradeTickBatch out;
  out.instrument_ids = instrument_ids;
  out.instrument_index = picked(instrument_index, keep);
  out.prices = picked(prices, keep);
  out.sides = picked(sides, keep);
  out.ts_event = picked(ts_event, keep);
  out.ts_init = picked(ts_init, keep);
  for (std::size_t row = 0; row < size(); ++row) {
    if (!keep[row]) continue;
    out.push_quantity(quantity_of(row));
    if (!trade_id_ends.empty()) out.push_trade_id(trade_id_of(row));
  }
  return out;
}

TradeTickBatch TradeTickBatch::taken(std::span<const std::int64_t> rows) const {
  for (const std::int64_t row : rows)
    if (row < 0 || static_cast<std::size_t>(row) >= size())
      throw InvalidArgument(
          Reason::NUMBER_OUT_OF_RANGE,
          "row " + std::to_string(row) + " is out of range: the batch has " + std::to_string(size()) + " ticks");
  const auto pick = [&](const auto& column) {
    std::remove_cvref_t<decltype(column)> out;
    if (column.empty()) return out;
    out.reserve(rows.size());
    for (const std::int64_t row : rows) out.push_back(column[static_cast<std::size_t>(row)]);
    return out;
  };
  TradeTickBatch out;
  out.instrument_ids = instrument_ids;
  out.instrument_index = pick(instrument_index);
  out.prices = pick(prices);
  out.sides = pick(sides);
  out.ts_event = pick(ts_event);
  out.ts_init = pick(ts_init);
  out.quantities.reserve(rows.size());
  for (const std::int64_t row : rows) {
    out.push_quantity(quantity_of(static_cast<std::size_t>(row)));
    if (!trade_id_ends.empty()) out.push_trade_id(trade_id_of(static_cast<std::size_t>(row)));
  }
  return out;
}

TradeTickBatch TradeTickBatch::joined(const std::vector<const TradeTickBatch*>& batches) {
  // The result has a column if any batch has it.
  bool has_sides = false, has_ts_init = false, has_ids = false;
  for (const TradeTickBatch* batch : batches) {
    has_sides = has_sides || !batch->sides.empty();
    has_ts_init = has_ts_init || !batch->ts_init.empty();
    has_ids = has_ids || !batch->trade_id_ends.empty();
  }
  TradeTickBatch out;
  std::unordered_map<std::string_view, std::uint32_t> places;
  for (const TradeTickBatch* batch : batches) {
    std::vector<std::uint32_t> place;
    for (const std::string& id : batch->instrument_ids) {
      const auto [found, is_new] = places.try_emplace(id, static_cast<std::uint32_t>(out.instrument_ids.size()));
      if (is_new) out.instrument_ids.push_back(id);
      place.push_back(found->second);
    }
    out.prices.insert(out.prices.end(), batch->prices.begin(), batch->prices.end());
    out.ts_event.insert(out.ts_event.end(), batch->ts_event.begin(), batch->ts_event.end());
    for (std::size_t row = 0; row < batch->size(); ++row) {
      out.instrument_index.push_back(place[batch->instrument_of(row)]);
      out.push_quantity(batch->quantity_of(row));
      if (has_sides) out.sides.push_back(static_cast<std::uint8_t>(batch->side_of(row)));
      if (has_ts_init) out.ts_init.push_back(batch->ts_init_of(row));
      if (has_ids) out.push_trade_id(batch->trade_id_of(row));
    }
  }
  if (out.instrument_ids.size() == 1) out.instrument_index.clear();
  return out;
}

void TradeTickBatch::validate() const {
  validate_shape();
  validate_values();
}

void TradeTickBatch::validate_shape() const {
  const auto check_length = [this](std::size_t length, bool may_be_empty, const char* column) {
    if (length != size() && !(may_be_empty && length == 0))
      throw InvalidArgument(Reason::COLUMNS_UNEQUAL, std::string(column) + " has " + std::to_string(length) +
                                                         " entries, prices has " + std::to_string(size()) +
                                                         "; the columns must have the same length");
  };
  check_length(quantities.size(), false, "quantities");
  check_length(ts_event.size(), false, "ts_event");
  check_length(ts_init.size(), true, "ts_init");
  check_length(sides.size(), true, "sides");
  check_length(trade_id_ends.size(), true, "trade_ids");
  check_length(instrument_index.size(), true, "instrument_index");
  for (const std::string& id : instrument_ids) check_name(id, "instrument_id", kInstrumentIdBytesMax);
  if (size() != 0 && instrument_ids.empty())
    throw InvalidArgument(Reason::NAME_INVALID, "a batch of ticks must have an instrument_id");
  if (instrument_index.empty() && instrument_ids.size() > 1 && size() != 0)
    throw InvalidArgument(Reason::COLUMNS_UNEQUAL, "several instrument_ids need an instrument_index");
  for (std::size_t row = 0; row < instrument_index.size(); ++row)
    if (instrument_index[row] >= instrument_ids.size())
      refuse_row(Reason::NUMBER_OUT_OF_RANGE, "instrument_index", row,
                 "is beyond the " + std::to_string(instrument_ids.size()) + " instrument_ids");
}

void TradeTickBatch::validate_values() const {
  // First a branch-free check, which the compiler vectorises: nearly every batch is valid.
  std::int64_t signs = 0;
  for (const std::int64_t quantity : quantities) signs |= quantity;
  for (std::size_t row = 0; signs < 0 && row < quantities.size(); ++row)
    if (quantities[row] < 0 && quantity_of(row) < 0)
      refuse_row(Reason::NUMBER_OUT_OF_RANGE, "quantities", row, "is negative");
  std::uint8_t least = 1;
  std::uint8_t greatest = 3;
  for (const std::uint8_t side : sides) least = std::min(least, side), greatest = std::max(greatest, side);
  for (std::size_t row = 0; (least < 1 || greatest > 3) && row < sides.size(); ++row)
    if (sides[row] < 1 || sides[row] > 3)
      refuse_row(Reason::ENUM_UNKNOWN, "sides", row,
                 "is " + std::to_string(sides[row]) + "; expected 1 (NONE), 2 (BUY) or 3 (SELL)");
  const bool is_plain =
      std::all_of(trade_id_text.begin(), trade_id_text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  for (std::size_t row = 0; row < trade_id_ends.size(); ++row) {
    const std::string_view id = trade_id_of(row);
    if (id.size() > kTradeIdBytesMax) refuse_row(Reason::NAME_INVALID, "trade_ids", row, "has more than 64 bytes");
    if (!is_plain) check_optional_name(id, "trade_id", kTradeIdBytesMax);
  }
}

}  // namespace alphaforge
