#pragma once

#include <cstddef>
#include <cstdint>

#include "base/int128.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

// What consecutive ticks of one instrument come to that are in order and end no bar: nearly all of a batch. They do to every
// open bar what one tick with these sums and extremes would, so that a loop over plain columns is all that each one costs.
struct TickRun {
  std::size_t size = 0;
  std::int64_t high = 0;
  std::int64_t low = 0;
  std::int64_t ts_init = 0;  // the greatest
  std::int64_t quantity = 0;
  std::int64_t buy_quantity = 0;
  std::int64_t sell_quantity = 0;
  uint128 value = 0;
};

// Where a run ends, besides at a tick that has to be looked at closely: one that is refused, late or unusually large.
struct TickRunLimits {
  std::int64_t ts_first = 0;       // no tick before it
  std::int64_t ts_end = 0;         // nor at it or after it
  std::size_t size_max = 0;
  std::int64_t quantity_below = 0;
  uint128 value_below = 0;
};

// The run that begins at `row` and ends before `end`; of no size where the first tick is none of it.
TickRun find_run(const TradeTickBatch::Columns& ticks, std::size_t row, std::size_t end, const TickRunLimits& limits);

// What find_run() sums up in 64 bits can't overflow.
inline constexpr std::int64_t kRunQuantityMax = std::int64_t{1} << 50;
inline constexpr std::size_t kRunSizeMax = 4096;

}  // namespace alphaforge::data
