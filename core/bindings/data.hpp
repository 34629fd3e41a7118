#pragma once

#include "bindings.hpp"
#include "data/engine.hpp"

namespace alphaforge::bindings {

// The list that calls with many ticks return: alphaforge_core.data.BarList.
nb::object to_bar_list(data::ProcessResult&& result);

// Applies a batch without the GIL and measures the time it takes.
void process_timed(data::DataEngine& engine, const TradeTickBatch& batch, data::ProcessResult& result,
                   std::size_t bars_max = data::kAllBars);

void bind_bar_columns(nb::module_ m);

// A ProcessRequest's ticks; returns a ProcessOutcome.
nb::object process_request(data::DataEngine& engine, nb::object request);

}  // namespace alphaforge::bindings
