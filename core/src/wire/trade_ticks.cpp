#include "wire/trade_ticks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "encoding/writer.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::wire {
namespace {

constexpr std::array<std::int64_t, kPlaces + 1> kPowers = {1,       10,        100,        1'000,       10'000,
                                                           100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

// How one instrument's mantissas become those of nine places.
struct Factors {
  std::int64_t price = kUnit;
  std::int64_t quantity = kUnit;
  bool operator==(const Factors&) const = default;
};

// A number that its column can't hold.
struct Overflow {
  std::uint64_t row = 0;
  std::string_view value;
};

// The fields as read; columns may come in any order, and are decoded afterwards.
struct RawColumns {
  TradeTickBatch batch;
  std::vector<Factors> factors;  // one for each instrument
  std::vector<Overflow> price_overflows;
  std::vector<Overflow> quantity_overflows;
};

std::int64_t factor_of(std::uint64_t exponent) {
  if (exponent > kPlaces)
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE,
                          "an exponent is " + std::to_string(exponent) + "; expected 0 to 9");
  return kPowers[kPlaces - exponent];
}

void read_instrument(std::string_view message, RawColumns& raw) {
  std::string_view id;
  Factors factors;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        id = text_of(reader);
        break;
      case 2:
        factors.price = factor_of(reader.uint());
        break;
      case 3:
        factors.quantity = factor_of(reader.uint());
        break;
      default:
        reader.skip();
    }
  }
  raw.batch.instrument_ids.emplace_back(id);
  raw.factors.push_back(factors);
}

Overflow read_overflow(std::string_view message) {
  Overflow overflow;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        overflow.row = reader.uint();
        break;
      case 2:
        overflow.value = text_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return overflow;
}

RawColumns read_columns(std::string_view message) {
  RawColumns raw;
  TradeTickBatch& batch = raw.batch;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        Reader::check_room(raw.factors.size(), 1, kTicksPerMessageMax);
        read_instrument(reader.bytes(), raw);
        break;
      case 2:
        reader.append_varint(batch.instrument_index, kTicksPerMessageMax);
        break;
      case 3:
        reader.append_fixed(batch.prices, kTicksPerMessageMax);
        break;
      case 4:
        reader.append_fixed(batch.quantities, kTicksPerMessageMax);
        break;
      case 5:
        reader.append_fixed(batch.ts_event, kTicksPerMessageMax);
        break;
      case 6:
        reader.append_fixed(batch.ts_init, kTicksPerMessageMax);
        break;
      case 7:
        reader.append_codes(batch.sides, kTicksPerMessageMax);
        break;
      case 8:
        Reader::check_room(batch.trade_id_ends.size(), 1, kTicksPerMessageMax);
        batch.push_trade_id(reader.bytes());
        break;
      case 9:
        Reader::check_room(raw.price_overflows.size(), 1, kTicksPerMessageMax);
        raw.price_overflows.push_back(read_overflow(reader.bytes()));
        break;
      case 10:
        Reader::check_room(raw.quantity_overflows.size(), 1, kTicksPerMessageMax);
        raw.quantity_overflows.push_back(read_overflow(reader.bytes()));
        break;
      default:
        reader.skip();
    }
  }
  return raw;
}

// Multiplies each mantissa with its instrument's factor; `overflows(row, mantissa)` takes what does not fit.
template <class Overflows>
void scale(const RawColumns& raw, std::vector<std::int64_t>& column, std::int64_t Factors::* factor_of,
           Overflows overflows) {
  const bool has_nine_places =
      std::all_of(raw.factors.begin(), raw.factors.end(), [&](const Factors& each) { return each.*factor_of == 1; });
  if (has_nine_places && std::find(column.begin(), column.end(), TradeTickBatch::kWide) == column.end()) return;
  for (std::size_t row = 0; row < column.size(); ++row) {
    std::int64_t scaled = 0;
    const std::int64_t factor = raw.factors[raw.batch.instrument_of(row)].*factor_of;
    if (__builtin_mul_overflow(column[row], factor, &scaled) || scaled == TradeTickBatch::kWide)
      overflows(row, static_cast<int128>(column[row]) * factor);
    else
      column[row] = scaled;
  }
}

void check_overflows(const std::vector<Overflow>& overflows, std::size_t rows) {
  for (std::size_t i = 0; i < overflows.size(); ++i)
    if (overflows[i].row >= rows || (i != 0 && overflows[i].row <= overflows[i - 1].row))
      throw InvalidArgument(Reason::MESSAGE_MALFORMED,
                            "the overflows of a column must be in ascending order of index, and within the column");
}

void scale_prices(RawColumns& raw) {
  TradeTickBatch& batch = raw.batch;
  // A mantissa at the position of an overflow is ignored, and must not fail.
  for (const Overflow& overflow : raw.price_overflows) batch.prices[overflow.row] = 0;
  scale(raw, batch.prices, &Factors::price,
        [](std::size_t, int128 mantissa) { alphaforge::price_of(mantissa, "price"); });
  for (const Overflow& overflow : raw.price_overflows)
    batch.prices[overflow.row] =
        alphaforge::price_of(parse_decimal(overflow.value, kPlaces, "price"), "price").mantissa;
}

void scale_quantities(RawColumns& raw) {
  TradeTickBatch& batch = raw.batch;
  for (const Overflow& overflow : raw.quantity_overflows) batch.quantities[overflow.row] = 0;
  std::vector<TradeTickBatch::WideQuantity> wide;
  scale(raw, batch.quantities, &Factors::quantity,
        [&](std::size_t row, int128 mantissa) { wide.push_back({row, mantissa}); });
  for (const Overflow& overflow : raw.quantity_overflows)
    wide.push_back({overflow.row,
                    alphaforge::quantity_of(parse_decimal(overflow.value, kPlaces, "quantity"), "quantity").mantissa});
  std::sort(wide.begin(), wide.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
  for (const auto& each : wide) batch.quantities[each.row] = TradeTickBatch::kWide;
  batch.wide_quantities = std::move(wide);
}

}  // namespace

TradeTickBatch decode_trade_ticks(std::string_view message) {
  RawColumns raw = read_columns(message);
  TradeTickBatch& batch = raw.batch;
  batch.validate_shape();
  check_overflows(raw.price_overflows, batch.size());
  check_overflows(raw.quantity_overflows, batch.size());
  if (batch.size() != 0) {
    scale_prices(raw);
    scale_quantities(raw);
  }
  batch.validate_values();
  return std::move(raw.batch);
}

void encode_trade_ticks(const TradeTickBatch& batch, std::string& out) {
  out.reserve(out.size() + batch.size() * 37 + batch.trade_id_text.size());
  Writer writer(out);
  for (const std::string& id : batch.instrument_ids) {
    const std::size_t start = writer.begin(1);
    writer.bytes(1, id);
    writer.uint(2, kPlaces);
    writer.uint(3, kPlaces);
    writer.end(start);
  }
  writer.packed_varint(2, std::span<const std::uint32_t>(batch.instrument_index));
  writer.packed_fixed(3, std::span<const std::int64_t>(batch.prices));
  writer.packed_fixed(4, std::span<const std::int64_t>(batch.quantities));
  writer.packed_fixed(5, std::span<const std::int64_t>(batch.ts_event));
  writer.packed_fixed(6, std::span<const std::int64_t>(batch.ts_init));
  // Every side is a varint of one byte.
  if (!batch.sides.empty())
    writer.bytes(7, std::string_view(reinterpret_cast<const char*>(batch.sides.data()), batch.sides.size()));
  for (std::size_t row = 0; row < batch.trade_id_ends.size(); ++row) writer.bytes(8, batch.trade_id_of(row));
  for (const auto& wide : batch.wide_quantities) {
    const std::size_t start = writer.begin(10);
    writer.uint(1, wide.row);
    writer.bytes(2, to_string(Quantity{wide.mantissa}));
    writer.end(start);
  }
}

TradeTick decode_trade_tick(std::string_view message) {
  TradeTick tick;
  std::string_view price;
  std::string_view quantity;
  std::uint64_t side = 0;
  bool has_ts_init = false;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        tick.instrument_id = text_of(reader);
        break;
      case 2:
        price = text_of(reader);
        break;
      case 3:
        quantity = text_of(reader);
        break;
      case 4:
        side = reader.uint();
        break;
      case 5:
        tick.trade_id = text_of(reader);
        break;
      case 6:
        tick.ts_event = static_cast<std::int64_t>(reader.uint());
        break;
      case 7:
        tick.ts_init = static_cast<std::int64_t>(reader.uint());
        has_ts_init = true;
        break;
      default:
        reader.skip();
    }
  }
  check_names(tick.instrument_id, tick.trade_id);
  tick.price = alphaforge::price_of(parse_decimal(price, kPlaces, "price"), "price");
  tick.quantity = alphaforge::quantity_of(parse_decimal(quantity, kPlaces, "quantity"), "quantity");
  if (side > 3) throw InvalidArgument(Reason::ENUM_UNKNOWN, "aggressor_side " + std::to_string(side) + " is unknown");
  tick.aggressor_side = side == 0 ? AggressorSide::kNone : static_cast<AggressorSide>(side);
  if (!has_ts_init) tick.ts_init = tick.ts_event;
  return tick;
}

void encode_trade_tick(const TradeTick& tick, std::string& out) {
  Writer writer(out);
  writer.bytes(1, tick.instrument_id);
  writer.bytes(2, to_string(tick.price));
  writer.bytes(3, to_string(tick.quantity));
  writer.uint(4, static_cast<std::uint64_t>(tick.aggressor_side));
  if (!tick.trade_id.empty()) writer.bytes(5, tick.trade_id);
  writer.uint(6, static_cast<std::uint64_t>(tick.ts_event));
  if (tick.ts_init != tick.ts_event) writer.uint(7, static_cast<std::uint64_t>(tick.ts_init));
}

}  // namespace alphaforge::wire
