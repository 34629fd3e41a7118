#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "execution/event_log.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "execution/positions.hpp"
#include "execution/trailing.hpp"
#include "model/commission.hpp"
#include "model/instrument_definition.hpp"

// Describes, for state hashes and snapshots, everything in each piece of a venue that decides what happens next.
// Fingerprints are left to the caller, because an instrument may have many.

namespace alphaforge::execution {

template <class Sink>
void describe_terms(Sink& sink, const Terms& terms) {
  sink.number(terms.quantity.mantissa);
  sink.number(terms.price.mantissa);
  sink.number(terms.stop_price.mantissa);
}

template <class Sink>
void describe_beginnings(Sink& sink, const TrailingStops::Beginnings& beginnings) {
  sink.number(static_cast<std::int64_t>(beginnings.size()));
  for (const auto& [since, extreme] : beginnings) {
    sink.number(since);
    sink.number(extreme.mantissa);
  }
}

template <class Sink>
void describe_definition(Sink& sink, const InstrumentDefinition& definition) {
  sink.text(definition.currency);
  sink.number(definition.tick_size.mantissa);
  sink.number(definition.lot_size.mantissa);
  sink.number(definition.multiplier);
  sink.number(std::int64_t{definition.is_inverse});
  sink.number(static_cast<std::int64_t>(definition.off_grid));
  const CommissionTerms& commission = definition.commission;
  for (const auto& rate : {commission.maker_rate, commission.taker_rate}) {
    sink.number(std::int64_t{rate.has_value()});
    sink.number(rate.value_or(0));
  }
  sink.number(commission.per_contract.mantissa);
  sink.number(commission.per_order.mantissa);
  for (const auto& amount : {commission.least, commission.most}) {
    sink.number(std::int64_t{amount.has_value()});
    sink.number(amount.value_or(Price{}).mantissa);
  }
  sink.text(definition.session);
  sink.text(definition.time_zone);
  sink.text(definition.calendar);
  sink.number(std::int64_t{definition.negative_prices});
}

template <class Sink>
void describe_trail_terms(Sink& sink, const TrailTerms& terms) {
  sink.number(static_cast<std::int64_t>(terms.type));
  sink.number(terms.offset.mantissa);
  sink.number(terms.limit_offset.mantissa);
  sink.number(terms.activation_price.mantissa);
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
  const bool trails = instrument.trailing != nullptr;
  describe_beginnings(sink, trails ? instrument.trailing->buys.beginnings() : TrailingStops::Beginnings{});
  describe_beginnings(sink, trails ? instrument.trailing->sells.beginnings() : TrailingStops::Beginnings{});
  sink.number(std::int64_t{instrument.definition != nullptr});
  if (instrument.definition != nullptr) describe_definition(sink, *instrument.definition);
}

// One of an instrument's fingerprints, with its position from the oldest on.
template <class Sink>
void describe_fingerprint(Sink& sink, const Instrument& instrument, std::uint64_t place, std::uint64_t fingerprint) {
  sink.text(instrument.id);
  sink.number(static_cast<std::int64_t>(place));
  sink.number(static_cast<std::int64_t>(fingerprint));
}

template <class Sink>
void describe_strategy(Sink& sink, const Strategy& strategy) {
  sink.text(strategy.id);
  sink.number(static_cast<std::int64_t>(strategy.recent.size()));
  for (const std::int64_t market_time : strategy.recent) sink.number(market_time);
  std::vector<std::pair<const Instrument*, PositionRecord>> positions(strategy.positions.begin(),
                                                                      strategy.positions.end());
  std::ranges::sort(positions, {}, [](const auto& one) -> const std::string& { return one.first->id; });
  sink.number(static_cast<std::int64_t>(positions.size()));
  for (const auto& [instrument, position] : positions) {
    sink.text(instrument->id);
    sink.number(position.net_quantity);
    sink.number(position.cost.mantissa);
    sink.number(position.realized_pnl.mantissa);
    sink.number(position.commission.mantissa);
  }
  sink.number(strategy.account.peak.mantissa);
  sink.number(strategy.account.max_drawdown.mantissa);
  sink.number(strategy.account.base.mantissa);
  sink.number(std::int64_t{strategy.account.is_halted});
}

// Written with each order of a group, so that no such order is described without its group.
template <class Sink>
void describe_group(Sink& sink, const GroupRecord& group) {
  sink.number(group.number);
  sink.text(group.id.view());
  sink.number(static_cast<std::int64_t>(group.type));
  sink.number(std::int64_t{group.size});
  sink.number(group.greatest.mantissa);
  sink.number(group.filled.mantissa);
  sink.number(group.filled_by_parent.mantissa);
  sink.number(group.released.mantissa);
  sink.number(group.due_since);
}

// With its flags: post-only, 1; in a group, 2.
template <class Sink>
void describe_order(Sink& sink, const OrderRecord& order) {
  sink.number(order.number);
  sink.text(order.id.view());
  sink.text(order.instrument->id);
  sink.text(order.strategy->id);
  for (const auto small :
       {static_cast<int>(order.side), static_cast<int>(order.type), static_cast<int>(order.time_in_force),
        static_cast<int>(order.status), static_cast<int>(order.reject_reason), static_cast<int>(order.cancel_reason),
        static_cast<int>(order.place), int{order.post_only} + (order.group == nullptr ? 0 : 2)})
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
  sink.number(std::int64_t{order.reduce_only});
  if (order.is_trailing()) {
    describe_trail_terms(sink, order.trail->terms);
    sink.number(order.trail->since);
    describe_trail_terms(sink, order.trail->submitted_terms);
  }
  if (order.group != nullptr) describe_group(sink, *order.group);
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
  sink.number(std::int64_t{fill.commission_rules});
  sink.number(fill.accrued.mantissa);
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

}  // namespace alphaforge::execution
