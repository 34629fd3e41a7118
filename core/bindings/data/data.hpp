#pragma once

#include <cstddef>
#include <vector>

#include "bindings/bindings.hpp"
#include "data/aggregator.hpp"
#include "data/config.hpp"
#include "data/engine.hpp"
#include "model/bar.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::bindings {

// alphaforge_core.data_wire.ServiceEngine: the engine with methods for services.
struct ServiceDataEngine : data::DataEngine {
  using DataEngine::DataEngine;
};

nb::list to_list(std::vector<Bar>&& bars);
// The list that calls with many ticks return: alphaforge_core.data.BarList.
nb::object to_bar_list(data::ProcessResult&& result);

// Arguments of get_bars, each of which may be None.
data::BarFilter to_bar_filter(nb::handle limit, nb::handle start, nb::handle end);

// Applies a batch and measures the time it takes; without the GIL, unless it is small.
void process_timed(data::DataEngine& engine, const TradeTickBatch& batch, data::ProcessResult& result,
                   std::size_t bars_max = data::kAllBars);

void bind_bar_columns(nb::module_ m);
void bind_combine_bars(nb::module_ m);

}  // namespace alphaforge::bindings
