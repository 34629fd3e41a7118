#pragma once

#include <optional>

#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

struct Change;

// The grid of prices and quantities of an instrument (rule 3.27). Rounding never makes an order fill where it would not
// have as it was given: a limit becomes no better, a stop and an activation price no nearer, a quantity no greater.

// kPriceOffGrid or kQuantityOffGrid if a number of the order is off the grid.
RejectReason grid_refusal(const InstrumentDefinition& definition, const Order& order);
// The order as it is rounded, with offsets by price instead of ticks; none if it is the same. What would become 0 stays
// off the grid, and offsets in ticks stay where the instrument has no tick size or they are out of range.
std::optional<Order> fit_to_grid(const InstrumentDefinition& definition, const Order& order);
std::optional<OrderGroup> fit_to_grid(const InstrumentDefinition& definition, const OrderGroup& group);
// The change, rounded where it may be; none if it is off the grid.
std::optional<Change> fit_to_grid(const InstrumentDefinition& definition, OrderSide side, const Change& change);

// A limit that follows from an offset, and the price of a taker after slippage.
Price limit_on_grid(const InstrumentDefinition& definition, OrderSide side, Price limit);
Price slipped_on_grid(const InstrumentDefinition& definition, OrderSide side, Price price);

}  // namespace alphaforge::execution
