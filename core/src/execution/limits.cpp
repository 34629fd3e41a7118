#include "execution/limits.hpp"

#include <cstdint>

#include "execution/config.hpp"
#include "execution/instrument.hpp"
#include "execution/money.hpp"
#include "execution/order_record.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

}  // namespace

RejectReason size_refusal(const ExecutionConfig& config, const Instrument& instrument, OrderType type,
                          const Terms& terms) {
  if (config.max_order_quantity && terms.quantity > *config.max_order_quantity)
    return RejectReason::kOrderQuantityLimit;
  const bool has_limit = type == OrderType::kLimit || type == OrderType::kStopLimit ||
                         (type == OrderType::kTrailingStopLimit && terms.price != kNoPrice);
  if (!has_limit && !instrument.has_price) return RejectReason::kNone;
  Value notional;
  if (!value_at(instrument.definition.get(), has_limit ? terms.price : instrument.last_price, terms.quantity.mantissa,
                notional))
    return RejectReason::kValueOverflow;
  const bool too_much = config.max_order_notional && magnitude(notional) > *config.max_order_notional;
  return too_much ? RejectReason::kOrderNotionalLimit : RejectReason::kNone;
}

RejectReason count_refusal(const ExecutionConfig& config, Strategy& strategy, std::int64_t market_time,
                           std::int64_t count) {
  if (config.max_open_orders && strategy.open_count > *config.max_open_orders - count)
    return RejectReason::kOpenOrdersLimit;
  if (!config.max_orders_per_second) return RejectReason::kNone;
  // Before any market time, all orders count as in the same second.
  while (!strategy.recent.empty() && strategy.recent.front() < market_time &&
         (strategy.recent.front() < 0 || market_time - strategy.recent.front() >= kSecondNs))
    strategy.recent.pop_front();
  const bool full = static_cast<std::int64_t>(strategy.recent.size()) > *config.max_orders_per_second - count;
  return full ? RejectReason::kOrderRateLimit : RejectReason::kNone;
}

void count_accepted(const ExecutionConfig& config, Strategy& strategy, std::int64_t market_time) {
  if (config.max_orders_per_second) strategy.recent.push_back(market_time);
}

}  // namespace alphaforge::execution
