#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/int128.hpp"
#include "model/trade_tick.hpp"

namespace alphaforge {

// Many ticks as columns, from NumPy arrays, lists of TradeTick or wire messages; the input of engines. The builder
// ensures its invariants: columns of equal length, names and sides checked, no negative quantity.
struct TradeTickBatch {
  struct WideQuantity {
    std::size_t row;
    int128 mantissa;
  };
  // Marks an entry of `quantities` that doesn't fit 64 bits and is in `wide_quantities`.
  static constexpr std::int64_t kWide = std::numeric_limits<std::int64_t>::min();

  std::vector<std::string> instrument_ids;      // each once
  std::vector<std::uint32_t> instrument_index;  // into instrument_ids; empty: all rows are of the first
  std::vector<std::int64_t> prices;             // mantissas of nine places
  std::vector<std::int64_t> quantities;         // mantissas of nine places, or kWide
  std::vector<WideQuantity> wide_quantities;    // by row
  std::vector<std::uint8_t> sides;              // AggressorSide; empty: NONE
  std::vector<std::int64_t> ts_event;
  std::vector<std::int64_t> ts_init;         // empty: ts_event
  std::string trade_id_text;                 // all ids, one after the other
  std::vector<std::uint64_t> trade_id_ends;  // where each ends in the text; empty: no ids

  // The columns as plain pointers, for loops over all rows.
  struct Columns {
    std::size_t size;
    const std::uint32_t* instrument_index;  // null: all rows are of the first
    const std::int64_t* prices;
    const std::int64_t* quantities;
    const std::uint8_t* sides;  // null: NONE
    const std::int64_t* ts_event;
    const std::int64_t* ts_init;

    std::size_t instrument_of(std::size_t row) const { return instrument_index == nullptr ? 0 : instrument_index[row]; }
    AggressorSide side_of(std::size_t row) const {
      return sides == nullptr ? AggressorSide::kNone : static_cast<AggressorSide>(sides[row]);
    }
  };
  Columns columns() const {
    return {.size = size(),
            .instrument_index = instrument_index.empty() ? nullptr : instrument_index.data(),
            .prices = prices.data(),
            .quantities = quantities.data(),
            .sides = sides.empty() ? nullptr : sides.data(),
            .ts_event = ts_event.data(),
            .ts_init = ts_init.empty() ? ts_event.data() : ts_init.data()};
  }

  std::size_t size() const { return prices.size(); }

  std::size_t instrument_of(std::size_t row) const { return instrument_index.empty() ? 0 : instrument_index[row]; }
  int128 quantity_of(std::size_t row) const {
    return quantities[row] == kWide ? wide_quantity_of(row) : quantities[row];
  }
  AggressorSide side_of(std::size_t row) const {
    return sides.empty() ? AggressorSide::kNone : static_cast<AggressorSide>(sides[row]);
  }
  std::int64_t ts_init_of(std::size_t row) const { return ts_init.empty() ? ts_event[row] : ts_init[row]; }
  std::string_view trade_id_of(std::size_t row) const {
    if (trade_id_ends.empty()) return {};
    const std::size_t begin = row == 0 ? 0 : trade_id_ends[row - 1];
    return std::string_view(trade_id_text).substr(begin, trade_id_ends[row] - begin);
  }
  TradeTick tick_of(std::size_t row) const;
  // A batch of one.
  static TradeTickBatch of(const TradeTick& tick);

  void push_quantity(int128 mantissa);
  void push_trade_id(std::string_view id);
  // The rows from `first` to before `last`; the dictionary stays.
  TradeTickBatch slice(std::size_t first, std::size_t last) const;
  // The rows for which `keep` is true, in order; the dictionary stays.
  TradeTickBatch filtered(const std::vector<bool>& keep) const;

  // The ticks at those rows, in that order; the dictionary stays. Throws InvalidArgument NUMBER_OUT_OF_RANGE for a row
  // that does not exist.
  TradeTickBatch taken(std::span<const std::int64_t> rows) const;
  // The ticks of several batches, one after the other.
  static TradeTickBatch joined(const std::vector<const TradeTickBatch*>& batches);

  // For batches whose columns came from outside. Throws InvalidArgument: COLUMNS_UNEQUAL, NAME_INVALID, ENUM_UNKNOWN,
  // NUMBER_OUT_OF_RANGE. Checks the shape (lengths, names, indices) first, because values are located by it.
  void validate() const;
  void validate_shape() const;
  void validate_values() const;

 private:
  int128 wide_quantity_of(std::size_t row) const;
};

}  // namespace alphaforge
