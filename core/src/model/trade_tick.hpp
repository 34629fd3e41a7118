#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/numbers.hpp"

namespace alphaforge {

// The aggressor side; the numbers are those of the wire.
enum class AggressorSide : std::uint8_t { kNone = 1, kBuy = 2, kSell = 3 };

std::string_view name_of(AggressorSide side);            // "NONE", "BUY", "SELL"
AggressorSide aggressor_side_of(std::string_view name);  // throws InvalidArgument ENUM_UNKNOWN

// One trade of a venue. Times are nanoseconds since the Unix epoch.
struct TradeTick {
  std::string instrument_id;
  Price price;
  Quantity quantity;
  AggressorSide aggressor_side = AggressorSide::kNone;
  std::string trade_id;  // may be empty
  std::int64_t ts_event = 0;
  std::int64_t ts_init = 0;

  bool operator==(const TradeTick&) const = default;
};

// Throws InvalidArgument NAME_INVALID if instrument_id or trade_id is invalid. Any numbers and times are accepted;
// engines refuse ticks that they can't use.
void check_names(std::string_view instrument_id, std::string_view trade_id);

}  // namespace alphaforge
