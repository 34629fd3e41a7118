#include <algorithm>
#include <utility>

#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "execution/venue.hpp"

// The state in one canonical order, whatever the containers hold it in.

namespace alphaforge::execution {

namespace {

template <class Map>
auto sorted_by_id(const Map& map) {
  std::vector<typename Map::mapped_type::pointer> all;
  for (const auto& [id, owned] : map) all.push_back(owned.get());
  std::ranges::sort(all, {}, [](const auto* one) -> const std::string& { return one->id; });
  return all;
}

template <class Sink>
void describe_terms(Sink& sink, const Terms& terms) {
  sink.number(terms.quantity.mantissa);
  sink.number(terms.price.mantissa);
  sink.number(terms.stop_price.mantissa);
}

template <class Sink>
void describe_instrument(Sink& sink, const Instrument& instrument) {
  sink.text(instrument.id);
  sink.number(instrument.market_time);
  sink.number(std::int64_t{instrument.has_price});
  sink.number(instrument.last_price.mantissa);
  sink.number(instrument.last_ts_event);
  sink.text(instrument.last_trade_id);
  sink.number(instrument.buy_pool.mantissa);
  sink.number(instrument.sell_pool.mantissa);
  sink.number(instrument.last_id_at);
  sink.number(static_cast<std::int64_t>(instrument.seen.size()));
  for (std::size_t i = 0; i < instrument.seen.size(); ++i) sink.number(static_cast<std::int64_t>(instrument.seen[i]));
}

template <class Sink>
void describe_strategy(Sink& sink, const Strategy& strategy) {
  sink.text(strategy.id);
  sink.number(static_cast<std::int64_t>(strategy.recent.size()));
  for (const std::int64_t market_time : strategy.recent) sink.number(market_time);
  std::vector<std::pair<const Instrument*, PositionRecord>> positions(strategy.positions.begin(), strategy.positions.end());
  std::ranges::sort(positions, {}, [](const auto& one) -> const std::string& { return one.first->id; });
  sink.number(static_cast<std::int64_t>(positions.size()));
  for (const auto& [instrument, position] : positions) {
    sink.text(instrument->id);
    sink.number(position.net_quantity);
    sink.number(position.cost.mantissa);
    sink.number(position.realized_pnl.mantissa);
    sink.number(position.commission.mantissa);
  }
}

template <class Sink>
void describe_order(Sink& sink, const OrderRecord& order) {
  sink.number(order.number);
  sink.text(order.id.view());
  sink.text(order.instrument->id);
  sink.text(order.strategy->id);
  for (const auto small : {static_cast<int>(order.side), static_cast<int>(order.type), static_cast<int>(order.time_in_force),
                           static_cast<int>(order.status), static_cast<int>(order.reject_reason),
                           static_cast<int>(order.cancel_reason), static_cast<int>(order.place), int{order.post_only}})
    sink.number(std::int64_t{small});
  describe_terms(sink, order.terms);
  describe_terms(sink, order.submitted_terms);
  sink.number(order.filled_quantity.mantissa);
  sink.number(order.filled_value.mantissa);
  sink.number(order.commission.mantissa);
  sink.number(static_cast<std::int64_t>(order.priority));
  sink.number(order.created_at);
  sink.wall_clock(order.submitted_at);
  sink.wall_clock(order.updated_at);
  sink.number(order.triggered_at);
  sink.number(order.expires_at);
  sink.number(order.last_event);
}

template <class Sink>
void describe_fill(Sink& sink, const FillRecord& fill) {
  sink.number(fill.order->number);
  sink.number(static_cast<std::int64_t>(fill.liquidity_side));
  sink.number(fill.price.mantissa);
  sink.number(fill.quantity.mantissa);
  sink.number(fill.commission.mantissa);
  sink.number(fill.ts_event);
  sink.number(fill.sequence);
  sink.text(fill.trade_id);
}

template <class Sink>
void describe_event(Sink& sink, const EventRecord& event) {
  sink.number(static_cast<std::int64_t>(event.type));
  sink.number(static_cast<std::int64_t>(event.status));
  sink.number(event.order->number);
  sink.number(std::int64_t{event.fill == nullptr ? 0 : event.fill->number});
  sink.number(event.ts_event);
  describe_terms(sink, event.terms);
  sink.number(event.filled_quantity.mantissa);
}

}  // namespace

template <class Sink>
void Venue::describe(Sink& sink) const {
  sink.number(std::int64_t{halted_});
  sink.number(std::int64_t{market_data_stale_});
  sink.number(advanced_to_);
  sink.number(market_time_);
  sink.number(static_cast<std::int64_t>(last_priority_));
  sink.number(ids_seen_);
  sink.number(total_volume_.mantissa);
  sink.number(total_notional_.mantissa);
  sink.number(total_commission_.mantissa);
#define X(name, kind, unit, help) sink.number(counts_.name);
  ALPHAFORGE_EXECUTION_COUNTS(X)
#undef X
  for (const auto* map : {&instruments_, &unlisted_}) {
    sink.number(static_cast<std::int64_t>(map->size()));
    for (const Instrument* instrument : sorted_by_id(*map)) describe_instrument(sink, *instrument);
  }
  sink.number(static_cast<std::int64_t>(strategies_.size()));
  for (const Strategy* strategy : sorted_by_id(strategies_)) describe_strategy(sink, *strategy);

  sink.number(ledger_.youngest_forgotten());
  sink.number(ledger_.size());
  for (const OrderRecord* order = ledger_.orders().front(); order != nullptr; order = OrderHistory::next(order))
    describe_order(sink, *order);
  for (const OrderRecord* order = ledger_.final_orders().front(); order != nullptr; order = Queue::next(order))
    sink.number(order->number);
  sink.number(ledger_.fill_count());
  for (const FillRecord* fill = ledger_.fills().front(); fill != nullptr; fill = FillHistory::next(fill))
    describe_fill(sink, *fill);
  sink.number(events_.last_sequence());
  sink.number(events_.size());
  for (std::int64_t sequence = events_.first_sequence(); sequence <= events_.last_sequence(); ++sequence)
    describe_event(sink, events_[sequence]);
}

template void Venue::describe(StateHash& sink) const;
template void Venue::describe(SnapshotWriter& sink) const;

std::uint64_t Venue::state_hash() const {
  StateHash hash;
  describe(hash);
  return hash.value();
}

}  // namespace alphaforge::execution
