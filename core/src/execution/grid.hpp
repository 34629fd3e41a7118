#pragma once

#include <optional>

#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

struct Change;

// The grid of prices and quantities of an instrument (rule 3.27). A rounded order never fills where the original
// would not: no limit becomes better, no stop or activation price moves nearer, and no quantity grows.

// kPriceOffGrid or kQuantityOffGrid if a number of the order is off the grid.
RejectReason grid_refusal(const InstrumentDefinition& definition, const Order& order);
// The rounded order, with offsets in ticks converted to prices; none if nothing changes. A number that would become 0
// is not rounded, and offsets in ticks are not converted if they are out of range or the instrument has no tick size.
std::optional<Order> fit_to_grid(const InstrumentDefinition& definition, const Order& order);
std::optional<OrderGroup> fit_to_grid(const InstrumentDefinition& definition, const OrderGroup& group);
// The change, rounded where rounding is allowed; none if it is off the grid otherwise.
std::optional<Change> fit_to_grid(const InstrumentDefinition& definition, OrderSide side, const Change& change);

// A limit that follows from an offset, and the price of a taker after slippage.
Price limit_on_grid(const InstrumentDefinition& definition, OrderSide side, Price limit);
Price slipped_on_grid(const InstrumentDefinition& definition, OrderSide side, Price price);

}  // namespace alphaforge::execution
