#pragma once

#include "bindings.hpp"
#include "data/engine.hpp"

namespace alphaforge::bindings {

// The list that calls with many ticks return: alphaforge_core.data.BarList.
nb::object to_bar_list(data::ProcessResult&& result);

// So many ticks or bars are dealt with in less time than giving up the GIL takes.
inline constexpr std::size_t kFewTicks = 64;

// Applies a batch and measures the time it takes; without the GIL, but for few ticks on an engine that is free.
void process_timed(data::DataEngine& engine, const TradeTickBatch& batch, data::ProcessResult& result,
                   std::size_t bars_max = data::kAllBars);

void bind_bar_columns(nb::module_ m);

// A ProcessRequest's ticks; returns a ProcessOutcome.
nb::object process_request(data::DataEngine& engine, nb::object request);

}  // namespace alphaforge::bindings
