#pragma once

#include <cstdint>

#include "execution/config.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

// Checks the limits of a strategy (rule 3.15). kNone if the order is allowed.

// Quantity and notional of one order, also after a change, and whether the notional fits 128 bits; an order without
// price is valued at the last price, and is allowed while there is none.
RejectReason size_refusal(const ExecutionConfig& config, const Instrument& instrument, OrderType type,
                          const Terms& terms);

// Open orders, and orders in the last second of the engine's market time, with `count` more.
RejectReason count_refusal(const ExecutionConfig& config, Strategy& strategy, std::int64_t market_time,
                           std::int64_t count);

// Remembers an accepted order for the limit on orders per second.
void count_accepted(const ExecutionConfig& config, Strategy& strategy, std::int64_t market_time);

}  // namespace alphaforge::execution
