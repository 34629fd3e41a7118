#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/reason.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge {

// Texts one after the other: row r is the bytes from offsets[r] to offsets[r + 1].
struct TextColumn {
  const std::int32_t* offsets;
  const char* bytes;

  std::string_view operator[](std::size_t row) const {
    return {bytes + offsets[row], static_cast<std::size_t>(offsets[row + 1] - offsets[row])};
  }
};

// Numbers as texts, as mantissas of nine places, or as floats, which mean their shortest decimal.
using NumberColumn = std::variant<TextColumn, const std::int64_t*, const double*, const float*>;

// Unchecked rows of a file: columns of equal length. A null pointer is a missing column.
struct TradeRows {
  std::size_t size = 0;
  std::vector<std::string> names;             // of the instruments
  const std::uint32_t* name_index = nullptr;  // into names; null: all rows are of the first
  NumberColumn prices;
  NumberColumn quantities;
  const std::int64_t* ts_event = nullptr;
  const std::int64_t* ts_init = nullptr;
  const std::uint8_t* sides = nullptr;  // AggressorSide
  const TextColumn* trade_ids = nullptr;
  const std::uint8_t* skip = nullptr;  // nonzero for rows known to be bad
  bool round = false;                  // round digits beyond nine places half to even, instead of refusing the row
};

struct RowFault {
  std::size_t row;
  Reason reason;
  std::string message;
};

struct DecodedRows {
  TradeTickBatch batch;                      // of the rows that are trades, in order
  std::vector<std::uint8_t> is_good;         // by row
  std::map<Reason, std::size_t> bad_counts;  // rows left out here; those of `skip` are not among them
  std::vector<RowFault> faults;              // details of the first bad rows
  std::size_t rounded = 0;                   // rows kept with a price or quantity that lost digits beyond nine places
};

inline constexpr std::size_t kRowFaultsMax = 10;

// Decodes rows to ticks. Leaves out and counts rows with an invalid number, name or id; never throws for a row.
DecodedRows decode_trade_rows(const TradeRows& rows);

}  // namespace alphaforge
