#include "execution/venue.hpp"

#include <algorithm>

#include "execution/limits.hpp"

namespace alphaforge::execution {

Venue::Venue(const ExecutionConfig& config)
    : config_(config),
      ledger_(config),
      events_(config.max_events),
      duplicates_(static_cast<std::uint64_t>(config.max_duplicate_entries)) {
  check_config(config);
}

void Venue::reconfigure(const ExecutionConfig& config) {
  check_config(config);
  config_ = config;
  ledger_.reconfigure(config);
  events_.reconfigure(config.max_events);
  count_duplicates();
}

// Begins the budget of the duplicate windows anew: the instrument goes first whose last id is the oldest.
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

Instrument& Venue::add_instrument(std::string_view id) {
  auto instrument = std::make_unique<Instrument>(std::string(id));
  Instrument& added = *instrument;
  added.index = instruments_by_index_.size();
  instruments_by_index_.push_back(&added);
  instruments_.emplace(added.id, std::move(instrument));
  return added;
}

// An order for an instrument beyond the limit is rejected, and shows its symbol as long as it is remembered.
Instrument& Venue::instrument_for_order(std::string_view id) {
  if (Instrument* listed = find_instrument(id)) return *listed;
  if (static_cast<std::int64_t>(instruments_.size()) < config_.max_instruments) return add_instrument(id);
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

void Venue::forget(std::int64_t now_ns) {
  ledger_.forget(events_, now_ns);
  for (const Instrument* instrument : ledger_.take_abandoned()) unlisted_.erase(instrument->id);
}

Strategy& Venue::strategy_of(std::string_view id) {
  if (const auto found = strategies_.find(id); found != strategies_.end()) return *found->second;
  if (static_cast<std::int64_t>(strategies_.size()) >= config_.max_strategies)
    throw ResourceExhausted(Reason::LIMIT_EXCEEDED, "the engine has the " + std::to_string(config_.max_strategies) +
                                                        " strategies that max_strategies allows");
  auto strategy = std::make_unique<Strategy>(std::string(id));
  Strategy& added = *strategy;
  strategies_.emplace(added.id, std::move(strategy));
  return added;
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
  order.last_event =
      events_.append({type, order.status, &order, fill, ts_event_, order.terms, order.filled_quantity});
  if (fill != nullptr) fill->sequence = order.last_event;
}

namespace {

bool is_same(const Order& order, const OrderRecord& record) {
  const Terms terms{order.quantity, order.price.value_or(Price{}), order.stop_price.value_or(Price{})};
  return order.symbol == record.instrument->id && order.strategy_id == record.strategy->id && order.side == record.side &&
         order.type == record.type && order.time_in_force == record.time_in_force &&
         order.post_only == record.post_only && terms == record.submitted_terms;
}

}  // namespace

Submission Venue::submit(const Order& order, std::int64_t now_ns) {
  check_order(order);
  if (const OrderRecord* known = ledger_.find(order.order_id)) {
    if (is_same(order, *known)) return {known->status, known->reject_reason, true};
    throw InvalidArgument(Reason::ORDER_CONFLICT, "order " + order.order_id + " was submitted with other fields; " +
                                                      "a new order needs a new order_id");
  }
  forget(now_ns);
  Strategy& strategy = strategy_of(order.strategy_id);
  Instrument& instrument = instrument_for_order(order.symbol);
  begin(instrument, now_ns);
  const RejectReason reason = refusal(order, instrument, strategy);
  OrderRecord& placed = ledger_.add(order, instrument, strategy, now_ns);
  ++counts_.orders_submitted;
  if (reason != RejectReason::kNone) {
    placed.reject_reason = reason;
    placed.status = OrderStatus::kRejected;
    record(placed, OrderEventType::kRejected);
    ++counts_.orders_rejected;
    ledger_.finish(placed);
    return {placed.status, reason, false};
  }
  open(placed);
  if (placed.is_stop())
    place_stop(placed);
  else
    arrive(placed);
  return {placed.status, RejectReason::kNone, false};
}

RejectReason Venue::refusal(const Order& order, const Instrument& instrument, Strategy& strategy) const {
  if (ledger_.is_too_old(order.created_at)) return RejectReason::kOrderTooOld;
  if (halted_) return RejectReason::kHalted;
  if (!instrument.is_listed) return RejectReason::kInstrumentLimit;
  if (market_data_stale_ && config_.reject_market_orders_while_stale && order.type == OrderType::kMarket)
    return RejectReason::kMarketDataStale;
  const Terms terms{order.quantity, order.price.value_or(Price{}), order.stop_price.value_or(Price{})};
  if (const RejectReason reason = size_refusal(config_, instrument, order.type, terms); reason != RejectReason::kNone)
    return reason;
  if (const RejectReason reason = count_refusal(config_, strategy, market_time_); reason != RejectReason::kNone)
    return reason;
  // An arrival that is put off till the next print is decided there; so is a stop at its trigger.
  const bool arrives_now = config_.fill_on == FillOn::kArrival && order.type == OrderType::kLimit;
  const bool would_take =
      order.post_only && arrives_now && takes(order.side == OrderSide::kBuy, order.price, instrument) > 0;
  return would_take ? RejectReason::kPostOnlyWouldTake : RejectReason::kNone;
}

// From Initialized to Submitted.
void Venue::open(OrderRecord& order) {
  order.status = OrderStatus::kSubmitted;
  order.priority = ++last_priority_;
  order.strategy->open.push_back(&order);
  ++order.strategy->open_count;
  ++counts_.orders_open;
  count_accepted(config_, *order.strategy, market_time_);
  if (order.time_in_force == TimeInForce::kDay) enter_day(order);
  record(order, OrderEventType::kSubmitted);
}

// Takes an active order out of all queues, for ever.
void Venue::close(OrderRecord& order, OrderStatus status) {
  leave_place(order);
  if (order.time_in_force == TimeInForce::kDay) leave_day(order);
  order.strategy->open.remove(&order);
  --order.strategy->open_count;
  --counts_.orders_open;
  if (order.status == OrderStatus::kPartiallyFilled) --counts_.orders_partially_filled;
  order.status = status;
  ledger_.finish(order);
}

void Venue::cancel(OrderRecord& order, CancelReason reason) {
  close(order, OrderStatus::kCancelled);
  order.cancel_reason = reason;
  ++counts_.orders_cancelled;
  record(order, OrderEventType::kCancelled);
}

bool Venue::cancel(std::string_view order_id, std::int64_t now_ns) {
  OrderRecord* order = ledger_.find(order_id);
  if (order == nullptr || !is_active(order->status)) return false;
  begin(*order->instrument, now_ns);
  cancel(*order, CancelReason::kRequested);
  return true;
}

std::int64_t Venue::cancel_all(std::optional<std::string_view> strategy_id, CancelReason reason, std::int64_t now_ns) {
  std::vector<OrderRecord*> active;
  for (const auto& [id, strategy] : strategies_) {
    if (strategy_id && id != *strategy_id) continue;
    for (OrderRecord* order = strategy->open.front(); order != nullptr; order = OpenQueue::next(order))
      active.push_back(order);
  }
  std::ranges::sort(active, {}, &OrderRecord::priority);
  for (OrderRecord* order : active) {
    begin(*order->instrument, now_ns);
    cancel(*order, reason);
  }
  return static_cast<std::int64_t>(active.size());
}

void Venue::leave_place(OrderRecord& order) {
  Instrument& instrument = *order.instrument;
  switch (order.place) {
    case Place::kNowhere: break;
    case Place::kLimits:
      order.is_buy() ? instrument.bids.remove(&order, order.terms.price)
                     : instrument.asks.remove(&order, order.terms.price);
      break;
    case Place::kStops:
      order.is_buy() ? instrument.buy_stops.remove(&order, order.terms.stop_price)
                     : instrument.sell_stops.remove(&order, order.terms.stop_price);
      break;
    case Place::kWaiting: (order.is_buy() ? instrument.waiting_buys : instrument.waiting_sells).remove(&order); break;
    case Place::kArriving: instrument.arriving.remove(&order); break;
  }
  order.place = Place::kNowhere;
}

}  // namespace alphaforge::execution
