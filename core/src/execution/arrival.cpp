#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "execution/config.hpp"
#include "execution/grid.hpp"
#include "execution/money.hpp"
#include "execution/order_record.hpp"
#include "execution/positions.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

// The arrival of orders: at submission, after a change, at a trigger, and with fill_on="next" at the next tick.

namespace alphaforge::execution {

namespace {

constexpr int128 kUnlimited = std::numeric_limits<int128>::max();

Quantity& pool_of(OrderRecord& order) {
  return order.is_buy() ? order.instrument->buy_pool : order.instrument->sell_pool;
}

}  // namespace

// An order is submitted, or arrives again after a change.
void Venue::enter(OrderRecord& order) {
  if (order.is_stop() && !order.is_triggered())
    place_stop(order);
  else
    arrive(order);
}

void Venue::arrive(OrderRecord& order) {
  if (config_.fill_on == FillOn::kNext)
    defer(order);
  else
    meet_market(order);
}

void Venue::defer(OrderRecord& order) {
  order.place = Place::kArriving;
  order.instrument->arriving.push_back(&order);
}

void Venue::meet_market(OrderRecord& order) {
  const auto limit = order.has_limit() ? std::optional(order.terms.price) : std::nullopt;
  const int128 quantity = std::min(fillable(order), takes(order.is_buy(), limit, *order.instrument));
  if (order.post_only && quantity > 0) return cancel(order, CancelReason::kPostOnlyWouldTake);
  if (order.time_in_force == TimeInForce::kFillOrKill && quantity < order.leaves())
    return cancel(order, CancelReason::kFillOrKill);
  if (quantity > 0) fill(order, taker_price(order), quantity, LiquiditySide::kTaker);
  // The order has ended, or sleeps.
  if (!is_active(order.status) || order.place != Place::kNowhere) return;
  if (order.time_in_force == TimeInForce::kImmediateOrCancel) return cancel(order, CancelReason::kImmediateOrCancel);
  if (order.has_limit())
    rest(order);
  else
    wait(order);
}

// How much an arriving order may fill: at a price it accepts, the rest of the last tick's pool, unless that tick is too
// old or, for a market order, market data are stale. A tick is never too old for orders that it triggers.
int128 Venue::takes(bool is_buy, std::optional<Price> limit, const Instrument& instrument) const {
  if (!instrument.has_price) return 0;
  if (limit && (is_buy ? instrument.last_price > *limit : instrument.last_price < *limit)) return 0;
  const bool is_too_old = config_.max_price_age_ns && !in_print_ &&
                          market_time(instrument) - instrument.last_ts_event > *config_.max_price_age_ns;
  const bool may_be_too_old = market_data_stale_ && !limit && !in_print_;
  if (is_too_old || may_be_too_old) return 0;
  if (config_.liquidity == Liquidity::kUnlimited) return kUnlimited;
  return (is_buy ? instrument.buy_pool : instrument.sell_pool).mantissa;
}

// The last price, worsened by the slippage, never past the order's limit.
Price Venue::taker_price(const OrderRecord& order) const {
  if (config_.slippage_bps == 0) return order.instrument->last_price;
  const int128 last = order.instrument->last_price.mantissa;
  const int128 slippage =
      divide_half_even((last < 0 ? -last : last) * config_.slippage_bps, static_cast<int128>(kUnit) * 10'000);
  const int128 slipped = order.is_buy() ? last + slippage : last - slippage;
  const int128 least = order.instrument->least_price().mantissa;
  Price price{static_cast<std::int64_t>(std::clamp<int128>(slipped, least, std::numeric_limits<std::int64_t>::max()))};
  if (order.instrument->definition != nullptr)
    price = slipped_on_grid(*order.instrument->definition, order.side, price);
  if (!order.has_limit()) return price;
  return order.is_buy() ? std::min(price, order.terms.price) : std::max(price, order.terms.price);
}

// Called when a stop is submitted or changed: it triggers immediately if the last price has reached it.
void Venue::place_stop(OrderRecord& order) {
  if (order.is_trailing()) return place_trailing(order, std::nullopt);
  if (is_through(order))
    trigger(order);
  else
    rest_stop(order);
}

void Venue::rest_stop(OrderRecord& order) {
  order.place = Place::kStops;
  order.is_buy() ? order.instrument->buy_stops.add(&order, order.terms.stop_price)
                 : order.instrument->sell_stops.add(&order, order.terms.stop_price);
}

bool Venue::is_through(const OrderRecord& stop) const {
  const Instrument& instrument = *stop.instrument;
  if (!instrument.has_price) return false;
  return stop.is_buy() ? instrument.last_price >= stop.terms.stop_price
                       : instrument.last_price <= stop.terms.stop_price;
}

void Venue::trigger(OrderRecord& order) {
  touch(order);
  if (order.place == Place::kTrailing) fix_stop(order);
  unlink(order);
  order.priority = ++last_priority_;
  order.triggered_at = ts_event_;
  record(order, OrderEventType::kTriggered);
  arrive(order);
}

void Venue::rest(OrderRecord& order) {
  order.place = Place::kLimits;
  order.is_buy() ? order.instrument->bids.add(&order, order.terms.price)
                 : order.instrument->asks.add(&order, order.terms.price);
}

void Venue::wait(OrderRecord& order) {
  order.place = Place::kWaiting;
  (order.is_buy() ? order.instrument->waiting_buys : order.instrument->waiting_sells).push_back(&order);
}

// One execution. An amount that exceeds 128 bits does not wrap: the order is cancelled instead.
void Venue::fill(OrderRecord& order, Price price, int128 quantity, LiquiditySide liquidity_side) {
  const std::int64_t rate =
      liquidity_side == LiquiditySide::kMaker ? config_.maker_commission_rate : config_.taker_commission_rate;
  Value value, order_value, order_commission, notional, commissions;
  Quantity volume;
  auto& positions = order.strategy->positions;
  const auto held = positions.find(order.instrument);
  const InstrumentDefinition* const definition = order.instrument->definition.get();
  Charge charge;
  const bool fits = value_at(definition, price, quantity, value) &&
                    charge_fill(definition, rate, liquidity_side, order, value, quantity, charge);
  const Value commission = charge.commission;
  const auto after = fits ? after_fill(held == positions.end() ? PositionRecord{} : held->second, definition,
                                       order.side, price, {quantity}, commission)
                          : std::nullopt;
  if (!after || !checked_add(order.filled_value.mantissa, value.mantissa, order_value.mantissa) ||
      !checked_add(order.commission.mantissa, commission.mantissa, order_commission.mantissa) ||
      !checked_add(total_notional_.mantissa, magnitude(value).mantissa, notional.mantissa) ||
      !checked_add(total_commission_.mantissa, commission.mantissa, commissions.mantissa) ||
      !checked_add(total_volume_.mantissa, quantity, volume.mantissa))
    return cancel(order, CancelReason::kValueOverflow);

  touch(order);
  if (order.group != nullptr) [[unlikely]]
    touch_group(*order.group);
  touch(*order.instrument);
  touch(*order.strategy);
  const PositionRecord before = held == positions.end() ? PositionRecord{} : held->second;
  positions.insert_or_assign(order.instrument, *after);
  if (config_.has_accounts()) [[unlikely]]
    settle_account(*order.strategy, *order.instrument, before);
  total_notional_ = notional;
  total_commission_ = commissions;
  total_volume_ = volume;
  ++counts_.fills;
  if (config_.liquidity == Liquidity::kTick) pool_of(order).mantissa -= quantity;

  order.filled_quantity.mantissa += quantity;
  order.filled_value = order_value;
  order.commission = order_commission;
  FillRecord& record_of_fill = ledger_.add_fill(order);
  record_of_fill.liquidity_side = liquidity_side;
  record_of_fill.price = price;
  record_of_fill.quantity = {quantity};
  record_of_fill.commission = commission;
  record_of_fill.commission_rules = charge.rules;
  record_of_fill.accrued = charge.accrued;
  record_of_fill.ts_event = order.instrument->last_ts_event;
  record_of_fill.trade_id = order.instrument->last_trade_id;
  if (order.leaves() == 0) {
    close(order, OrderStatus::kFilled);
    ++counts_.orders_filled;
  } else if (order.status == OrderStatus::kSubmitted) {
    ledger_.set_status(order, OrderStatus::kPartiallyFilled);
    ++counts_.orders_partially_filled;
  }
  record(order, OrderEventType::kFilled, &record_of_fill);
  if (order.group != nullptr) [[unlikely]]
    settle_fill(order, quantity);
  if (!order.strategy->reducing.empty()) end_reducing(order);
}

}  // namespace alphaforge::execution
