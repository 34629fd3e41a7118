#include "execution/config.hpp"

#include <string>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "model/time_guard.hpp"

namespace alphaforge::execution {

namespace {

void demand(bool holds, const char* what) {
  if (!holds) throw InvalidArgument(Reason::SETTING_INVALID, what);
}

}  // namespace

void check_config(const ExecutionConfig& config) {
  demand(!config.max_price_age_ns || *config.max_price_age_ns >= 0, "max_price_age_ns must not be negative");
  demand(config.max_time_jump_ns >= 0 && config.max_time_jump_ns <= kTimeJumpMaxNs,
         "max_time_jump_ns must be at least 0 and at most 366 days");
  demand(config.maker_commission_rate > -kUnit && config.maker_commission_rate < kUnit,
         "maker_commission_rate must lie between -1 and 1");
  demand(config.taker_commission_rate > -kUnit && config.taker_commission_rate < kUnit,
         "taker_commission_rate must lie between -1 and 1");
  demand(config.slippage_bps >= 0 && config.slippage_bps < 10'000 * kUnit,
         "slippage_bps must be at least 0 and below 10000");
  demand(!config.max_order_quantity || config.max_order_quantity->mantissa > 0, "max_order_quantity must be above 0");
  demand(!config.max_order_notional || config.max_order_notional->mantissa > 0, "max_order_notional must be above 0");
  demand(!config.starting_cash || config.starting_cash->mantissa >= 0, "starting_cash must not be negative");
  demand(!config.max_loss || config.max_loss->mantissa > 0, "max_loss must be above 0");
  demand(!config.max_open_orders || *config.max_open_orders > 0, "max_open_orders must be above 0");
  demand(!config.max_orders_per_second || *config.max_orders_per_second > 0, "max_orders_per_second must be above 0");
  demand(config.max_instruments > 0, "max_instruments must be above 0");
  demand(config.max_strategies > 0, "max_strategies must be above 0");
  demand(config.max_final_orders > 0, "max_final_orders must be above 0");
  demand(config.order_retention_ns > 0, "order_retention_ns must be above 0");
  demand(config.max_events > 0, "max_events must be above 0");
  demand(config.duplicate_window >= 0, "duplicate_window must not be negative");
  demand(config.max_duplicate_entries >= 0, "max_duplicate_entries must not be negative");
}

}  // namespace alphaforge::execution
