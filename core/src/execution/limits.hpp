#pragma once

#include "execution/config.hpp"
#include "execution/instrument.hpp"

namespace alphaforge::execution {

// The limits of a strategy (rule 3.15). kNone where nothing speaks against it.

// Quantity and notional of one order, also after a change, and whether the notional fits 128 bits; an order without price
// counts at the last price, and passes while there is none.
RejectReason size_refusal(const ExecutionConfig& config, const Instrument& instrument, OrderType type, const Terms& terms);

// Open orders, and orders in the last second of the engine's market time.
RejectReason count_refusal(const ExecutionConfig& config, Strategy& strategy, std::int64_t market_time);

// Remembers an accepted order for the limit on orders per second.
void count_accepted(const ExecutionConfig& config, Strategy& strategy, std::int64_t market_time);

}  // namespace alphaforge::execution
