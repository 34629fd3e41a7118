#include "execution/venue.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/reason.hpp"
#include "execution/checkpoint.hpp"
#include "execution/config.hpp"
#include "execution/event_log.hpp"
#include "execution/grid.hpp"
#include "execution/instrument.hpp"
#include "execution/ledger.hpp"
#include "execution/limits.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

Venue::Venue(const ExecutionConfig& config)
    : config_(config),
      ledger_(config, checkpoint_),
      events_(config.max_events, checkpoint_),
      duplicates_(static_cast<std::uint64_t>(config.max_duplicate_entries)) {
  check_config(config);
}

Venue::~Venue() = default;

void Venue::tell_checkpoint(Instrument& instrument) { checkpoint_.get()->before_change(instrument); }
void Venue::tell_checkpoint(Strategy& strategy) { checkpoint_.get()->before_change(strategy); }
void Venue::tell_checkpoint(OrderRecord& order) { checkpoint_.get()->before_change(order); }

void Venue::reconfigure(const ExecutionConfig& config) {
  check_config(config);
  const bool is_same = config.starting_cash == config_.starting_cash && config.max_loss == config_.max_loss;
  config_ = config;
  if (!is_same) begin_accounts();
  ledger_.reconfigure(config);
  events_.reconfigure(config.max_events);
  count_duplicates();
}

// Rebuilds the budget of the duplicate windows, in order of instruments' last ids.
void Venue::count_duplicates() {
  duplicates_ = DuplicateBudget(static_cast<std::uint64_t>(config_.max_duplicate_entries));
  std::vector<Instrument*> by_age = instruments_by_index_;
  std::ranges::sort(by_age, {}, &Instrument::last_id_at);
  for (const Instrument* instrument : by_age)
    for (std::size_t i = 0; i < instrument->seen.size(); ++i) duplicates_.added(instrument->index);
}

Instrument* Venue::find_instrument(std::string_view id) const {
  const auto found = instruments_.find(id);
  return found == instruments_.end() ? nullptr : found->second.get();
}

// If only rejected orders name the instrument so far, it becomes listed, so that no instrument exists twice.
Instrument& Venue::add_instrument(std::string_view id) {
  auto unlisted = unlisted_.extract(id);
  auto instrument = unlisted ? std::move(unlisted.mapped()) : std::make_unique<Instrument>(std::string(id));
  Instrument& added = *instrument;
  added.is_listed = true;
  added.index = instruments_by_index_.size();
  instruments_by_index_.push_back(&added);
  instruments_.emplace(added.id, std::move(instrument));
  return added;
}

// An order for an instrument beyond the limit, or for one that would have to be registered, is rejected, but keeps its
// symbol while it is remembered.
Instrument& Venue::instrument_for_order(std::string_view id) {
  if (Instrument* listed = find_instrument(id)) return *listed;
  if (!config_.require_instruments && static_cast<std::int64_t>(instruments_.size()) < config_.max_instruments)
    return add_instrument(id);
  if (const auto found = unlisted_.find(id); found != unlisted_.end()) return *found->second;
  return add_unlisted_instrument(id);
}

Instrument& Venue::add_unlisted_instrument(std::string_view id) {
  auto instrument = std::make_unique<Instrument>(std::string(id));
  instrument->is_listed = false;
  Instrument& added = *instrument;
  unlisted_.emplace(added.id, std::move(instrument));
  return added;
}

bool Venue::takes_negative_prices(std::string_view symbol) const {
  const Instrument* const instrument = find_instrument(symbol);
  return instrument != nullptr && instrument->has_negative_prices();
}

void Venue::forget(std::int64_t now_ns) {
  ledger_.forget(events_, now_ns);
  for (const Instrument* instrument : ledger_.take_abandoned()) unlisted_.erase(instrument->id);
}

Strategy& Venue::strategy_of(std::string_view id) {
  if (const auto found = strategies_.find(id); found != strategies_.end()) return *found->second;
  if (static_cast<std::int64_t>(strategies_.size()) >= config_.max_strategies)
    throw ResourceExhausted(Reason::LIMIT_EXCEEDED, "the engine has the " + std::to_string(config_.max_strategies) +
                                                        " strategies that max_strategies allows");
  return add_strategy(id);
}

Strategy& Venue::add_strategy(std::string_view id) {
  auto strategy = std::make_unique<Strategy>(std::string(id));
  Strategy& added = *strategy;
  added.index = strategies_by_index_.size();
  added.account.peak = added.account.base = config_.starting_cash.value_or(Value{});
  strategies_by_index_.push_back(&added);
  strategies_.emplace(added.id, std::move(strategy));
  return added;
}

// The strategy with that id, or all.
std::vector<Strategy*> Venue::strategies_of(std::optional<std::string_view> id) const {
  if (!id) return strategies_by_index_;
  const auto found = strategies_.find(*id);
  return found == strategies_.end() ? std::vector<Strategy*>() : std::vector{found->second.get()};
}

std::int64_t Venue::market_time(const Instrument& instrument) const {
  return std::max(instrument.market_time, advanced_to_);
}

void Venue::begin(const Instrument& instrument, std::int64_t now_ns) {
  now_ns_ = now_ns;
  ts_event_ = std::max<std::int64_t>(market_time(instrument), 0);
}

void Venue::record(OrderRecord& order, OrderEventType type, FillRecord* fill) {
  order.updated_at = now_ns_;
  order.last_event = append(
      {type, order.status, &order, fill, ts_event_, order.terms, order.filled_quantity, order.strategy->events.last});
  if (fill != nullptr) fill->sequence = order.last_event;
}

std::int64_t Venue::append(const EventRecord& event) {
  EventChain& chain = event.order->strategy->events;
  chain.last = events_.append(event);
  if (++chain.since_mark != EventChain::kStep) return chain.last;
  chain.since_mark = 0;
  chain.marks.push_back(chain.last);
  while (chain.marks.front() < events_.first_sequence()) chain.marks.pop_front();
  return chain.last;
}

bool is_same(const Order& order, const OrderRecord& record) {
  return order.symbol == record.instrument->id && order.strategy_id == record.strategy->id &&
         order.side == record.side && order.type == record.type && order.time_in_force == record.time_in_force &&
         order.post_only == record.post_only && order.reduce_only == record.reduce_only &&
         order.expire_time == record.expire_time() && terms_of(order) == record.submitted_terms &&
         trail_terms(order) == (record.is_trailing() ? record.trail->submitted_terms : TrailTerms{});
}

Submission Venue::submit(const Order& order, std::int64_t now_ns) {
  check_order(order, has_negative_prices(order) && takes_negative_prices(order.symbol));
  check_is_single(order);
  if (const OrderRecord* known = ledger_.find(order.order_id)) {
    if (known->group == nullptr && is_same(order, *known)) return {known->status, known->reject_reason, true};
    throw InvalidArgument(Reason::ORDER_CONFLICT, "order " + order.order_id + " was submitted with other fields; " +
                                                      "a new order needs a new order_id");
  }
  forget(now_ns);
  Strategy& strategy = strategy_of(order.strategy_id);
  Instrument& instrument = instrument_for_order(order.symbol);
  begin(instrument, now_ns);
  touch(strategy);
  if (instrument.definition != nullptr) [[unlikely]]
    if (const auto fitted = fit_to_grid(*instrument.definition, order))
      return place(*fitted, order, instrument, strategy);
  return place(order, order, instrument, strategy);
}

// `fitted` is the order on its instrument's grid.
Submission Venue::place(const Order& fitted, const Order& order, Instrument& instrument, Strategy& strategy) {
  RejectReason reason = refusal(fitted, instrument);
  if (reason == RejectReason::kNone && strategy.account.is_halted && !order.reduce_only)
    reason = RejectReason::kLossLimit;
  if (reason == RejectReason::kNone) reason = count_refusal(config_, strategy, market_time_, 1);
  if (reason == RejectReason::kNone && order.reduce_only && reducible(strategy, instrument, order.side) == 0)
    reason = RejectReason::kNothingToReduce;
  if (reason == RejectReason::kNone && would_take(fitted, instrument)) reason = RejectReason::kPostOnlyWouldTake;
  OrderRecord& placed = ledger_.add(fitted, instrument, strategy, now_ns_);
  if (&fitted != &order) [[unlikely]]
    set_submitted(placed, order);
  ++counts_.orders_submitted;
  if (reason != RejectReason::kNone) {
    reject(placed, reason);
    return {placed.status, reason, false};
  }
  open(placed);
  enter(placed);
  return {placed.status, RejectReason::kNone, false};
}

void Venue::reject(OrderRecord& order, RejectReason reason) {
  order.reject_reason = reason;
  ledger_.set_status(order, OrderStatus::kRejected);
  record(order, OrderEventType::kRejected);
  ++counts_.orders_rejected;
  ledger_.finish(order);
}

// The reason of the rule that refuses the order; limits on the number of orders, and rules at arrival, are checked
// elsewhere.
RejectReason Venue::refusal(const Order& order, const Instrument& instrument) const {
  if (ledger_.is_too_old(order.created_at)) return RejectReason::kOrderTooOld;
  if (halted_) return RejectReason::kHalted;
  if (config_.require_instruments && instrument.definition == nullptr) return RejectReason::kInstrumentUnknown;
  if (!instrument.is_listed) return RejectReason::kInstrumentLimit;
  if (instrument.definition != nullptr) [[unlikely]] {
    const RejectReason off_grid = grid_refusal(*instrument.definition, order);
    if (off_grid != RejectReason::kNone) return off_grid;
  }
  if (order.trailing_offset_type == TrailingOffsetType::kTicks) [[unlikely]] {
    const bool has_size = instrument.definition != nullptr && instrument.definition->tick_size.mantissa != 0;
    return has_size ? RejectReason::kValueOverflow : RejectReason::kTickSizeUnknown;
  }
  if (market_data_stale_ && config_.reject_market_orders_while_stale && order.type == OrderType::kMarket &&
      parent_id(order).empty())
    return RejectReason::kMarketDataStale;
  if (order.expire_time && *order.expire_time <= market_time(instrument)) return RejectReason::kExpireTimePassed;
  if (order.time_in_force == TimeInForce::kDay && !knows_day(instrument)) [[unlikely]]
    return RejectReason::kOutsideCalendar;
  return size_refusal(config_, instrument, order.type, terms_of(order));
}

// Whether a post-only order would take liquidity now. An arrival deferred to the next tick is decided there; a stop is
// decided at its trigger.
bool Venue::would_take(const Order& order, const Instrument& instrument) const {
  const bool arrives_now = config_.fill_on == FillOn::kArrival && order.type == OrderType::kLimit;
  return order.post_only && arrives_now && takes(order.side == OrderSide::kBuy, order.price, instrument) > 0;
}

// From Initialized to Submitted; a child that sleeps stays Initialized.
void Venue::open(OrderRecord& order) {
  if (order.place != Place::kAsleep) {
    ledger_.set_status(order, OrderStatus::kSubmitted);
    ++counts_.orders_open;
  }
  order.priority = ++last_priority_;
  order.strategy->open.push_back(&order);
  ++order.strategy->open_count;
  count_accepted(config_, *order.strategy, market_time_);
  if (order.expires()) enter_expiry(order);
  if (order.reduce_only && order.place != Place::kAsleep) enter_reducing(order);
  record(order, OrderEventType::kSubmitted);
}

// Removes an order that becomes final from all queues.
void Venue::close(OrderRecord& order, OrderStatus status) {
  touch(order);
  if (order.place == Place::kTrailing) fix_stop(order);
  if (order.reduce_only && order.place != Place::kAsleep) leave_reducing(order);
  unlink(order);
  if (order.expires()) leave_expiry(order);
  order.strategy->open.remove(&order);
  --order.strategy->open_count;
  counts_.orders_open -= is_active(order.status);
  if (order.status == OrderStatus::kPartiallyFilled) --counts_.orders_partially_filled;
  ledger_.set_status(order, status);
  ledger_.finish(order);
}

void Venue::cancel(OrderRecord& order, CancelReason reason) {
  close(order, OrderStatus::kCancelled);
  order.cancel_reason = reason;
  ++counts_.orders_cancelled;
  record(order, OrderEventType::kCancelled);
  if (order.group != nullptr) [[unlikely]]
    settle_cancel(order);
}

bool Venue::cancel(std::string_view order_id, std::int64_t now_ns) {
  OrderRecord* order = ledger_.find(order_id);
  if (order == nullptr || is_final(order->status)) return false;
  begin(*order->instrument, now_ns);
  cancel(*order, CancelReason::kRequested);
  return true;
}

// The orders that match and are not final, in no particular order, from the shortest lists that have them all.
std::vector<OrderRecord*> Venue::open_orders(const CancelFilter& filter) const {
  std::vector<OrderRecord*> found;
  const Instrument* const instrument = filter.symbol ? find_instrument(*filter.symbol) : nullptr;
  if (filter.symbol && instrument == nullptr) return found;
  const auto take = [&](OrderRecord& order) {
    if (!is_final(order.status) && (instrument == nullptr || order.instrument == instrument) &&
        (!filter.strategy_id || order.strategy->id == *filter.strategy_id) &&
        (!filter.side || order.side == *filter.side))
      found.push_back(&order);
  };
  const std::vector<Strategy*> strategies = strategies_of(filter.strategy_id);
  std::int64_t open_count = 0;
  for (const Strategy* strategy : strategies) open_count += strategy->open_count;
  if (instrument != nullptr && instrument->order_count < open_count) {
    for (OrderRecord* order = instrument->orders.front(); order != nullptr; order = InstrumentOrders::next(order))
      take(*order);
    return found;
  }
  for (const Strategy* strategy : strategies)
    for (OrderRecord* order = strategy->open.front(); order != nullptr; order = OpenQueue::next(order)) take(*order);
  return found;
}

std::int64_t Venue::cancel_all(const CancelFilter& filter, CancelReason reason, std::int64_t now_ns) {
  std::vector<OrderRecord*> open = open_orders(filter);
  std::ranges::sort(open, {}, &OrderRecord::priority);
  for (OrderRecord* order : open) {
    if (is_final(order->status)) continue;  // ended with another one of its group
    begin(*order->instrument, now_ns);
    cancel(*order, reason);
  }
  return static_cast<std::int64_t>(open.size());
}

void Venue::unlink(OrderRecord& order) {
  touch(order);
  Instrument& instrument = *order.instrument;
  switch (order.place) {
    case Place::kNowhere:
      break;
    case Place::kLimits:
      order.is_buy() ? instrument.bids.remove(&order, order.terms.price)
                     : instrument.asks.remove(&order, order.terms.price);
      break;
    case Place::kStops:
      order.is_buy() ? instrument.buy_stops.remove(&order, order.terms.stop_price)
                     : instrument.sell_stops.remove(&order, order.terms.stop_price);
      break;
    case Place::kWaiting:
      (order.is_buy() ? instrument.waiting_buys : instrument.waiting_sells).remove(&order);
      break;
    case Place::kArriving:
      instrument.arriving.remove(&order);
      break;
    case Place::kInactive:
      order.is_buy() ? instrument.trailing->inactive_buys.remove(&order, activation_level(order))
                     : instrument.trailing->inactive_sells.remove(&order, activation_level(order));
      break;
    case Place::kTrailing:
      touch(instrument);
      (order.is_buy() ? instrument.trailing->buys : instrument.trailing->sells).remove(order);
      break;
    case Place::kAsleep:
      break;
  }
  order.place = Place::kNowhere;
}

}  // namespace alphaforge::execution
