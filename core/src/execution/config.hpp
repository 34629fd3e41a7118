#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "model/numbers.hpp"
#include "model/time_guard.hpp"

namespace alphaforge::execution {

// How much of a tick orders may fill: the tick's quantity, or any quantity.
enum class Liquidity : std::uint8_t { kTick = 1, kUnlimited = 2 };
// When an arriving order may fill: immediately, against the last tick, or at the next tick.
enum class FillOn : std::uint8_t { kArrival = 1, kNext = 2 };

// The settings of an execution engine (rule 3). A limit that is absent is off.
struct ExecutionConfig {
  Liquidity liquidity = Liquidity::kTick;
  FillOn fill_on = FillOn::kArrival;
  std::optional<std::int64_t> max_price_age_ns;
  std::int64_t max_time_jump_ns = kTimeJumpNs;  // rule 1.8; 0: no limit

  // Rates at nine places, between -1 and 1; a negative one is a rebate.
  std::int64_t maker_commission_rate = 0;
  std::int64_t taker_commission_rate = 0;
  // Basis points against takers at nine places, 0 to below 10,000.
  std::int64_t slippage_bps = 0;

  bool require_instruments = false;  // rule 3.27: reject orders for instruments that are not registered

  // How to handle a market order while market data are stale: let it wait, or reject it.
  bool reject_market_orders_while_stale = false;

  // The account of each strategy (rule 3.30); it is kept if one of them is set.
  std::optional<Value> starting_cash;
  std::optional<Value> max_loss;
  bool has_accounts() const { return starting_cash.has_value() || max_loss.has_value(); }

  // Limits on each strategy.
  std::optional<Quantity> max_order_quantity;
  std::optional<Value> max_order_notional;
  std::optional<std::int64_t> max_open_orders;
  std::optional<std::int64_t> max_orders_per_second;

  // Limits on the engine.
  std::int64_t max_instruments = 10'000;
  std::int64_t max_strategies = 10'000;
  std::int64_t max_final_orders = 10'000'000;
  std::int64_t order_retention_ns = kDayNs;
  std::int64_t max_events = 1'000'000;
  std::int64_t duplicate_window = 10'000;
  std::int64_t max_duplicate_entries = 10'000'000;
};

// Throws InvalidArgument SETTING_INVALID that names the setting and what it may be.
void check_config(const ExecutionConfig& config);

}  // namespace alphaforge::execution
