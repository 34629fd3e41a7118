#include <algorithm>

#include "base/snapshot_codec.hpp"
#include "execution/venue.hpp"
#include "model/names.hpp"

// A venue from the bytes of its snapshot: what describe() in state.cpp writes, in the same order.

namespace alphaforge::execution {

namespace {

constexpr std::string_view kMagic = "AlphaForge venue";
constexpr std::int64_t kVersion = 1;

Terms read_terms(SnapshotReader& in) {
  Terms terms;
  terms.quantity.mantissa = in.wide();
  terms.price.mantissa = in.number();
  terms.stop_price.mantissa = in.number();
  return terms;
}

void read_instrument(SnapshotReader& in, Instrument& instrument) {
  instrument.market_time = in.number();
  instrument.has_price = in.flag();
  instrument.last_price.mantissa = in.number();
  instrument.last_ts_event = in.number();
  instrument.last_trade_id = in.text(kTradeIdBytesMax);
  instrument.buy_pool.mantissa = in.wide();
  instrument.sell_pool.mantissa = in.wide();
  instrument.last_id_at = in.number();
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const auto fingerprint = static_cast<std::uint64_t>(in.number());
    if (fingerprint == 0 || instrument.seen.contains(fingerprint)) SnapshotReader::damaged("a fingerprint occurs twice");
    instrument.seen.push(fingerprint);
  }
}

void read_order(SnapshotReader& in, OrderRecord& order) {
  order.side = in.member<OrderSide>(1, 2);
  order.type = in.member<OrderType>(1, 4);
  order.time_in_force = in.member<TimeInForce>(1, 4);
  order.status = in.member<OrderStatus>(2, 6);
  order.reject_reason = in.member<RejectReason>(0, 10);
  order.cancel_reason = in.member<CancelReason>(0, 7);
  order.place = in.member<Place>(0, 4);
  order.post_only = in.flag();
  order.terms = read_terms(in);
  order.submitted_terms = read_terms(in);
  order.filled_quantity.mantissa = in.wide();
  order.filled_value.mantissa = in.wide();
  order.commission.mantissa = in.wide();
  order.priority = static_cast<std::uint64_t>(in.number());
  order.created_at = in.number();
  order.submitted_at = in.number();
  order.updated_at = in.number();
  order.triggered_at = in.number();
  order.expires_at = in.number();
  order.last_event = in.number();
  if (is_active(order.status) != (order.place != Place::kNowhere)) SnapshotReader::damaged("an order's place is wrong");
}

}  // namespace

std::string Venue::snapshot() const {
  SnapshotWriter out;
  describe(out);
  return seal_snapshot(kMagic, kVersion, out.take());
}

void Venue::restore(std::string_view snapshot) {
  if (ledger_.size() != 0 || events_.last_sequence() != 0 || !instruments_.empty())
    throw EngineError(Reason::INTERNAL, "only an empty engine can be restored");
  SnapshotReader in(unseal_snapshot(kMagic, kVersion, snapshot));
  restore_engine(in);
  restore_instruments(in);
  restore_strategies(in);
  const auto orders = restore_orders(in);
  restore_fills_and_events(in, orders);
  in.expect_end();
  restore_queues(orders);
  if (const auto violations = validate(); !violations.empty())
    throw EngineError(Reason::JOURNAL_DAMAGED, "the snapshot is damaged: " + violations.front());
}

void Venue::restore_engine(SnapshotReader& in) {
  halted_ = in.flag();
  market_data_stale_ = in.flag();
  advanced_to_ = in.number();
  market_time_ = in.number();
  last_priority_ = static_cast<std::uint64_t>(in.number());
  ids_seen_ = in.number();
  total_volume_.mantissa = in.wide();
  total_notional_.mantissa = in.wide();
  total_commission_.mantissa = in.wide();
#define X(name, kind, unit, help) counts_.name = in.number();
  ALPHAFORGE_EXECUTION_COUNTS(X)
#undef X
}

void Venue::restore_instruments(SnapshotReader& in) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::string_view id = in.text(kInstrumentIdBytesMax);
    if (find_instrument(id) != nullptr) SnapshotReader::damaged("an instrument occurs twice");
    read_instrument(in, add_instrument(id));
  }
  for (std::int64_t rest = in.count(); rest > 0; --rest)
    read_instrument(in, add_unlisted_instrument(in.text(kInstrumentIdBytesMax)));
  count_duplicates();
}

void Venue::restore_strategies(SnapshotReader& in) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    Strategy& strategy = strategy_of(in.text(kStrategyIdBytesMax));
    for (std::int64_t times = in.count(); times > 0; --times) strategy.recent.push_back(in.number());
    for (std::int64_t positions = in.count(); positions > 0; --positions) {
      const Instrument* instrument = find_instrument(in.text(kInstrumentIdBytesMax));
      if (instrument == nullptr) SnapshotReader::damaged("a position's instrument is unknown");
      PositionRecord& position = strategy.positions[instrument];
      position.net_quantity = in.wide();
      position.cost.mantissa = in.wide();
      position.realized_pnl.mantissa = in.wide();
      position.commission.mantissa = in.wide();
    }
  }
}

Venue::OrdersByNumber Venue::restore_orders(SnapshotReader& in) {
  OrdersByNumber orders;
  ledger_.set_youngest_forgotten(in.number());
  std::int64_t last = 0;
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::int64_t number = in.number();
    const std::string_view id = in.text(kOrderIdBytesMax);
    const std::string_view symbol = in.text(kInstrumentIdBytesMax);
    const auto unlisted = unlisted_.find(symbol);
    Instrument* instrument = unlisted == unlisted_.end() ? find_instrument(symbol) : unlisted->second.get();
    const auto strategy = strategies_.find(in.text(kStrategyIdBytesMax));
    if (number <= last || ledger_.find(id) != nullptr) SnapshotReader::damaged("an order occurs twice");
    if (instrument == nullptr || strategy == strategies_.end()) SnapshotReader::damaged("an order's owner is unknown");
    OrderRecord& order = ledger_.add(id, *instrument, *strategy->second, last = number);
    read_order(in, order);
    orders.emplace(number, &order);
  }
  if (last > counts_.orders_submitted) SnapshotReader::damaged("an order's number is too great");
  ledger_.set_last_number(counts_.orders_submitted);
  std::int64_t final_orders = 0;
  for (const auto& [number, order] : orders) final_orders += !is_active(order->status);
  for (; final_orders > 0; --final_orders) {
    const auto order = orders.find(in.number());
    if (order == orders.end() || is_active(order->second->status) || ledger_.is_finished(*order->second))
      SnapshotReader::damaged("the final orders are not those that are final");
    ledger_.finish(*order->second);
  }
  return orders;
}

void Venue::restore_fills_and_events(SnapshotReader& in, const OrdersByNumber& orders) {
  const auto order_of = [&](std::int64_t number) {
    const auto found = orders.find(number);
    if (found == orders.end()) SnapshotReader::damaged("an order is unknown");
    return found->second;
  };
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    FillRecord& fill = ledger_.add_fill(*order_of(in.number()));
    fill.liquidity_side = in.member<LiquiditySide>(1, 2);
    fill.price.mantissa = in.number();
    fill.quantity.mantissa = in.wide();
    fill.commission.mantissa = in.wide();
    fill.ts_event = in.number();
    fill.sequence = in.number();
    fill.trade_id = in.text(kTradeIdBytesMax);
  }
  const std::int64_t last_sequence = in.number();
  const std::int64_t kept = in.count();
  events_.start_after(last_sequence - kept);
  for (std::int64_t rest = kept; rest > 0; --rest) {
    EventRecord event;
    event.type = in.member<OrderEventType>(1, 6);
    event.status = in.member<OrderStatus>(1, 6);
    event.order = order_of(in.number());
    const std::int64_t number = in.number();
    for (event.fill = event.order->first_fill; event.fill != nullptr && event.fill->number != number;)
      event.fill = event.fill->next_of_order;
    if ((number == 0) != (event.fill == nullptr)) SnapshotReader::damaged("a fill is unknown");
    event.ts_event = in.number();
    event.terms = read_terms(in);
    event.filled_quantity.mantissa = in.wide();
    events_.append(event);
  }
}

// Who rests or waits joins its queue again, by priority; DAY orders by midnight.
void Venue::restore_queues(const OrdersByNumber& orders) {
  std::vector<OrderRecord*> active;
  for (const auto& [number, order] : orders)
    if (is_active(order->status)) active.push_back(order);
  for (OrderRecord* order : active) {
    order->strategy->open.push_back(order);
    ++order->strategy->open_count;
  }
  std::ranges::sort(active, {}, &OrderRecord::priority);
  for (OrderRecord* order : active) {
    switch (order->place) {
      case Place::kNowhere: break;
      case Place::kLimits: rest(*order); break;
      case Place::kStops: keep_stop(*order); break;
      case Place::kWaiting: wait(*order); break;
      case Place::kArriving: put_off(*order); break;
    }
  }
  std::ranges::stable_sort(active, {}, &OrderRecord::expires_at);
  for (OrderRecord* order : active)
    if (order->time_in_force == TimeInForce::kDay)
      (order->expires_at == kNever ? order->instrument->undated_orders : order->instrument->day_orders).push_back(order);
}

}  // namespace alphaforge::execution
