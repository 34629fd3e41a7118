#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "base/decimal.hpp"
#include "model/commission.hpp"
#include "model/numbers.hpp"

namespace alphaforge {

inline constexpr std::size_t kCurrencyBytesMax = 16;

// How to handle an order whose price or quantity is off its instrument's grid. The numbers are those of the wire.
enum class OffGrid : std::uint8_t { kReject = 1, kRound = 2 };

// The registered terms of an instrument (rule 3.27).
struct InstrumentDefinition {
  std::string instrument_id;
  std::string currency;             // of values, profits and commissions; may be empty
  Price tick_size;                  // 0: any price
  Quantity lot_size;                // 0: any quantity
  std::int64_t multiplier = kUnit;  // at nine places
  bool is_inverse = false;          // a contract is worth multiplier / price instead of price x multiplier
  OffGrid off_grid = OffGrid::kReject;
  CommissionTerms commission;
  std::string session;           // canonical (session.hpp): whose days DAY orders last; empty: those of UTC
  std::string time_zone;         // the rules of its time zone; empty for UTC
  std::string calendar;          // a text of trading_calendar.hpp, whose sessions are the days instead; empty: none
  bool negative_prices = false;  // prices may be 0 or below (rule 3.32)
  bool operator==(const InstrumentDefinition&) const = default;

  Price least_price() const { return {negative_prices ? -std::numeric_limits<std::int64_t>::max() : std::int64_t{1}}; }

  // Whether a value is price x quantity, as for an instrument without a definition.
  bool is_plain() const { return multiplier == kUnit && !is_inverse; }
};

// Doesn't read the calendar. Throws InvalidArgument NAME_INVALID, NUMBER_OUT_OF_RANGE, SETTING_INVALID that names what
// is wrong.
void check_definition(const InstrumentDefinition& definition);

}  // namespace alphaforge
