#include "data/tick_run.hpp"

#include <algorithm>

#include "model/trade_tick.hpp"

namespace alphaforge::data {

TickRun find_run(const TradeTickBatch::Columns& ticks, std::size_t row, std::size_t end, const TickRunLimits& limits) {
  // Locals, so that they stay in registers.
  const std::int64_t* const prices = ticks.prices + row;
  const std::int64_t* const quantities = ticks.quantities + row;
  const std::int64_t* const times = ticks.ts_event + row;
  const std::int64_t* const arrivals = ticks.ts_init + row;
  const std::uint8_t* const sides = ticks.sides == nullptr ? nullptr : ticks.sides + row;
  const std::size_t size_max = std::min({end - row, limits.size_max, kRunSizeMax});
  TickRun run{.high = 0, .low = INT64_MAX, .ts_init = INT64_MIN};
  std::int64_t market_time = limits.ts_first;
  std::size_t i = 0;
  for (; i < size_max; ++i) {
    const std::int64_t price = prices[i];
    const std::int64_t quantity = quantities[i];  // a wide one is negative here
    const std::int64_t time = times[i];
    if (price <= 0 || quantity <= 0 || quantity > kRunQuantityMax || time < market_time || time >= limits.ts_end) break;
    const std::int64_t sum = run.quantity + quantity;
    const uint128 value = run.value + static_cast<uint128>(price) * static_cast<std::uint64_t>(quantity);
    if (sum >= limits.quantity_below || value >= limits.value_below) break;
    market_time = time;
    run.quantity = sum;
    run.value = value;
    run.high = std::max(run.high, price);
    run.low = std::min(run.low, price);
    run.ts_init = std::max(run.ts_init, arrivals[i]);
    if (sides == nullptr) continue;
    run.buy_quantity += sides[i] == static_cast<std::uint8_t>(AggressorSide::kBuy) ? quantity : 0;
    run.sell_quantity += sides[i] == static_cast<std::uint8_t>(AggressorSide::kSell) ? quantity : 0;
  }
  run.size = i;
  return run;
}

}  // namespace alphaforge::data
