#pragma once

#include <optional>

#include "base/int128.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

// A position; its cost and quantity determine the average price exactly.
struct PositionRecord {
  int128 net_quantity = 0;  // nine places, negative when short
  Value cost;               // of the open quantity; negative only at negative prices
  Value realized_pnl;
  Value commission;
  Value marked;  // its unrealised profit, as included in the strategy's account
  bool operator==(const PositionRecord&) const = default;
};

// The position after one more fill: closing q of Q takes cost x q/Q (half to even at eighteen places) out of the cost;
// a flip closes, then opens. None if an amount does not fit 128 bits. `definition` may be null.
std::optional<PositionRecord> after_fill(const PositionRecord& position, const InstrumentDefinition* definition,
                                         OrderSide side, Price price, Quantity quantity, Value commission);

// What the position is worth at `price`, negative when short; none if that does not fit 128 bits.
std::optional<Value> exposure(const PositionRecord& position, const InstrumentDefinition* definition, Price price);
// What closing the whole position at `price` would realise; none if that does not fit 128 bits.
std::optional<Value> unrealized_pnl(const PositionRecord& position, const InstrumentDefinition* definition,
                                    Price price);

}  // namespace alphaforge::execution
