#pragma once

#include "bindings/bindings.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::bindings {

// The keywords of TradeTickBatch.from_columns as a batch.
TradeTickBatch batch_of_columns(const nb::kwargs& columns);
// An iterable of TradeTick as a batch; `columns` must be empty.
TradeTickBatch batch_of_ticks(nb::handle ticks, const nb::kwargs& columns);

}  // namespace alphaforge::bindings
