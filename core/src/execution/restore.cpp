#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/snapshot_codec.hpp"
#include "base/time.hpp"
#include "execution/checkpoint.hpp"
#include "execution/counters.hpp"
#include "execution/event_log.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/ledger.hpp"
#include "execution/order_record.hpp"
#include "execution/positions.hpp"
#include "execution/restore_records.hpp"
#include "execution/snapshot_format.hpp"
#include "execution/venue.hpp"
#include "model/commission.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

// A venue from the bytes of its snapshot, which is what describe() in state.cpp writes, in the same order, or from the
// records of its checkpoint (checkpoint.hpp). The bytes may be anything: whatever could make a later step go wrong is
// refused here.

namespace alphaforge::execution {
void Venue::restore(std::string_view snapshot) {
  if (ledger_.size() != 0 || events_.last_sequence() != 0 || !instruments_.empty())
    throw EngineError(Reason::INTERNAL, "only an empty engine can be restored");
  // An unknown version is read as this release's, which refuses it.
  const std::int64_t given = version_of_snapshot(kSnapshotMagic, snapshot);
  const std::int64_t version = given >= 1 && given <= kPiecesVersion ? given : kSnapshotVersion;
  if (version % 2 == 0)
    restore_checkpoint(snapshot, version);
  else
    restore_snapshot(snapshot, version);
  if (const auto violations = validate(); !violations.empty())
    throw EngineError(Reason::JOURNAL_DAMAGED, "the snapshot is damaged: " + violations.front());
}

void Venue::restore_snapshot(std::string_view snapshot, std::int64_t version) {
  SnapshotReader in(unseal_snapshot(kSnapshotMagic, version, snapshot));
  restore_engine(in);
  restore_instruments(in, version);
  for (std::int64_t rest = in.count(); rest > 0; --rest) restore_strategy(in, version);
  ledger_.set_youngest_forgotten(in.number());
  std::int64_t final_orders = 0;
  for (std::int64_t rest = in.count(); rest > 0; --rest)
    final_orders += is_final(restore_order(in, false, version).status);
  list_orders();
  for (std::int64_t last_event = 0; final_orders > 0; --final_orders) {
    OrderRecord* order = ledger_.orders().find(in.number());
    // Each ended with its last event.
    demand(order != nullptr && is_final(order->status) && order->last_event > last_event,
           "the final orders are not those that are final, in the order in which they ended");
    last_event = order->last_event;
    ledger_.finish(*order);
  }
  std::int64_t last_fill = 0;
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    FillRecord& fill = restore_fill(in, version);
    demand(fill.sequence > last_fill, "fills are out of order");
    last_fill = fill.sequence;
    ledger_.list(fill);
  }
  const std::int64_t last_event = read_count(in);
  const std::int64_t kept = in.count();
  demand(kept <= last_event, "there are more events than were numbered");
  events_.start_after(last_event - kept);
  check_numbers(last_event);
  for (std::int64_t rest = kept; rest > 0; --rest) restore_event(in, version);
  in.expect_end();
  restore_queues();
}

void Venue::restore_checkpoint(std::string_view checkpoint, std::int64_t version) {
  const auto frames = read_frames(kSnapshotMagic, version, kCheckpointKinds, checkpoint);
  const auto each = [&](CheckpointRecord kind, const auto& visit) {
    each_record(frames[static_cast<std::size_t>(kind)], visit);
  };
  std::int64_t last_event = 0, events = -1;
  each(CheckpointRecord::kEngine, [&](SnapshotReader& in) {
    demand(events < 0, "it has two heads");
    restore_engine(in);
    ledger_.set_youngest_forgotten(in.number());
    last_event = read_count(in);
    events = read_count(in);
  });
  demand(events >= 0 && events <= last_event, "its head is missing, or there are more events than were numbered");
  std::unordered_map<std::int64_t, Instrument*> instruments;
  each(CheckpointRecord::kInstrument, [&](SnapshotReader& in) {
    const std::int64_t number = in.number();
    const std::string_view id = in.text(kInstrumentIdBytesMax);
    demand(find_instrument(id) == nullptr && !instruments.contains(number), "an instrument occurs twice");
    restore_instrument(in, *(instruments[number] = &add_instrument(id)), version);
  });
  each(CheckpointRecord::kWindow, [&](SnapshotReader& in) {
    const auto instrument = instruments.find(in.number());
    demand(instrument != instruments.end(), "an instrument is unknown");
    read_window(in, *instrument->second);
  });
  count_duplicates();
  each(CheckpointRecord::kStrategy, [&](SnapshotReader& in) { restore_strategy(in, version); });
  std::vector<OrderRecord*> final_orders;
  each(CheckpointRecord::kOrder, [&](SnapshotReader& in) {
    OrderRecord& order = restore_order(in, true, version);
    if (is_final(order.status)) final_orders.push_back(&order);
  });
  list_orders();
  // Each ended with its last event.
  std::ranges::sort(final_orders, {},
                    [](const OrderRecord* order) { return std::pair(order->last_event, order->number); });
  for (OrderRecord* order : final_orders) ledger_.finish(*order);
  std::vector<FillRecord*> fills;
  each(CheckpointRecord::kFill, [&](SnapshotReader& in) { fills.push_back(&restore_fill(in, version)); });
  std::ranges::sort(fills, {}, &FillRecord::sequence);
  const auto same_sequence = [](const auto* one, const auto* other) { return one->sequence == other->sequence; };
  demand(std::ranges::adjacent_find(fills, same_sequence) == fills.end(), "a fill occurs twice");
  for (FillRecord* fill : fills) ledger_.list(*fill);
  events_.start_after(last_event - events);
  check_numbers(last_event);
  each(CheckpointRecord::kEvent, [&](SnapshotReader& in) { restore_event(in, version); });
  demand(events_.last_sequence() == last_event, "events are missing");
  restore_queues();
}

void Venue::restore_engine(SnapshotReader& in) {
  halted_ = in.flag();
  market_data_stale_ = in.flag();
  advanced_to_ = read_market_time(in);
  market_time_ = read_market_time(in);
  last_priority_ = static_cast<std::uint64_t>(read_count(in));
  ids_seen_ = read_count(in);
  total_volume_.mantissa = read_quantity(in);
  total_notional_.mantissa = read_amount(in);
  total_commission_.mantissa = read_amount(in);
#define X(name, kind, unit, help) counts_.name = read_count(in);
  ALPHAFORGE_EXECUTION_COUNTS(X)
#undef X
}

void Venue::restore_instrument(SnapshotReader& in, Instrument& instrument, std::int64_t version) {
  read_instrument(in, instrument, version);
  if (instrument.definition == nullptr) return;
  try {
    instrument.calendar = find_calendar(instrument.definition->calendar);
  } catch (const InvalidArgument&) {
    demand(false, "the calendar of an instrument is wrong");
  }
}

void Venue::restore_instruments(SnapshotReader& in, std::int64_t version) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::string_view id = in.text(kInstrumentIdBytesMax);
    demand(find_instrument(id) == nullptr, "an instrument occurs twice");
    Instrument& instrument = add_instrument(id);
    restore_instrument(in, instrument, version);
    read_window(in, instrument);
  }
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::string_view id = in.text(kInstrumentIdBytesMax);
    demand(!unlisted_.contains(id), "an instrument occurs twice");
    // Earlier releases could write an instrument twice: as one beyond `max_instruments`, and as listed once that limit
    // had been raised.
    Instrument ignored{std::string(id)};
    Instrument& instrument = find_instrument(id) == nullptr ? add_unlisted_instrument(id) : ignored;
    restore_instrument(in, instrument, version);
    read_window(in, instrument);
  }
  count_duplicates();
}

void Venue::restore_strategy(SnapshotReader& in, std::int64_t version) {
  const std::string_view id = in.text(kStrategyIdBytesMax);
  demand(!strategies_.contains(id), "a strategy occurs twice");
  Strategy& strategy = add_strategy(id);
  for (std::int64_t times = in.count(); times > 0; --times) strategy.recent.push_back(read_market_time(in));
  for (std::int64_t positions = in.count(); positions > 0; --positions) {
    const Instrument* instrument = find_instrument(in.text(kInstrumentIdBytesMax));
    demand(instrument != nullptr, "a position's instrument is unknown");
    demand(!strategy.positions.contains(instrument), "a position occurs twice");
    PositionRecord& position = strategy.positions[instrument];
    position.net_quantity = read_amount(in);
    position.cost.mantissa = read_cost(in, *instrument);
    demand(is_price(instrument->definition.get(), position.cost, position.net_quantity),
           "a position's cost is out of range");
    position.realized_pnl.mantissa = read_amount(in);
    position.commission.mantissa = read_amount(in);
  }
  if (config_.has_accounts()) count_account(strategy);
  AccountRecord& account = strategy.account;
  account.peak = account.base = equity_of(strategy);
  if (version < kAccountsVersion) return;
  account.peak.mantissa = read_amount(in);
  account.max_drawdown.mantissa = read_quantity(in);
  account.base.mantissa = read_amount(in);
  account.is_halted = in.flag();
}

// `adds_instrument`: adds an unknown instrument as one that only rejected orders name.
OrderRecord& Venue::restore_order(SnapshotReader& in, bool adds_instrument, std::int64_t version) {
  const std::int64_t number = read_count(in);
  const std::string_view id = in.text(kOrderIdBytesMax);
  const std::string_view symbol = in.text(kInstrumentIdBytesMax);
  const auto unlisted = unlisted_.find(symbol);
  Instrument* instrument = unlisted == unlisted_.end() ? find_instrument(symbol) : unlisted->second.get();
  if (instrument == nullptr && adds_instrument) instrument = &add_unlisted_instrument(symbol);
  const auto strategy = strategies_.find(in.text(kStrategyIdBytesMax));
  demand(number > 0 && ledger_.find(id) == nullptr && ledger_.orders().find(number) == nullptr,
         "an order occurs twice");
  demand(instrument != nullptr && strategy != strategies_.end(), "an order's owner is unknown");
  OrderRecord& order = ledger_.restore(id, *instrument, *strategy->second, number);
  if (read_order(in, order, version, [this](OrderRecord& trailing) { ledger_.add_trail(trailing); }))
    restore_membership(in, order);
  demand(!order.is_trailing() || order.trail->since <= counts_.ticks_processed,
         "a trailing stop's beginning is out of range");
  demand(instrument->is_listed || is_final(order.status), "an active order's instrument is unknown");
  ledger_.add_to_history(order);
  return order;
}

void Venue::restore_membership(SnapshotReader& in, OrderRecord& order) {
  const GroupRecord read = read_group(in);
  const std::int64_t place = order.number - read.number;
  demand(place >= 0 && place < read.size && (place > 0 || order.id.view() == read.id.view()),
         "an order is not of its group");
  GroupRecord& group = ledger_.restore_group(read.number);
  if (group.size == 0) group = read;
  demand(is_alike(group, read), "orders of a group differ about it");
  for (const OrderRecord* other : group.orders)
    demand(other == nullptr || (other->instrument == order.instrument && other->strategy == order.strategy),
           "orders of a group have several owners");
  group.orders[static_cast<std::size_t>(place)] = &order;
  order.group = &group;
}

void Venue::restore_due_groups() {
  for (const auto& [number, group] : ledger_.groups()) {
    if (group.due_since == 0) continue;
    demand(group.due_since <= events_.last_sequence(), "a fill's event is unknown");
    const auto member = std::ranges::find_if(group.orders, [](const OrderRecord* order) { return order != nullptr; });
    (*member)->instrument->due.push_back((*member)->group);
    (*member)->instrument->is_due = true;
  }
  for (const auto& [id, instrument] : instruments_) std::ranges::sort(instrument->due, {}, &GroupRecord::due_since);
}

void Venue::list_orders() {
  for (OrderRecord* order = ledger_.orders().next(0); order != nullptr; order = ledger_.orders().next(order->number))
    ledger_.list(*order);
}

FillRecord& Venue::restore_fill(SnapshotReader& in, std::int64_t version) {
  OrderRecord* order = ledger_.orders().find(in.number());
  demand(order != nullptr, "an order is unknown");
  const FillRecord* const previous = order->last_fill;
  FillRecord& fill = ledger_.restore_fill(*order);
  fill.liquidity_side = in.member<LiquiditySide>(1, 2);
  fill.price.mantissa = read_price(in, *order->instrument);
  fill.quantity.mantissa = read_quantity(in);
  fill.commission.mantissa = read_amount(in);
  fill.ts_event = read_market_time(in);
  fill.sequence = read_count(in);
  fill.trade_id = in.text(kTradeIdBytesMax);
  if (version >= kDefinitionsVersion) {
    fill.commission_rules = in.member<std::uint8_t>(0, kCommissionRulesMax);
    fill.accrued.mantissa = read_amount(in);
  } else {
    fill.commission_rules = fill.commission.mantissa == 0 ? 0 : kRate;
    const int128 before = previous == nullptr ? 0 : previous->accrued.mantissa;
    demand(checked_add(before, fill.commission.mantissa, fill.accrued.mantissa),
           "an order's commission is out of range");
  }
  return fill;
}

void Venue::check_numbers(std::int64_t last_event) {
  demand(ledger_.orders().next(counts_.orders_submitted) == nullptr, "an order's number is too great");
  ledger_.set_last_number(counts_.orders_submitted);
  for (const OrderRecord* order = ledger_.orders().next(0); order != nullptr;
       order = ledger_.orders().next(order->number))
    demand(order->last_event <= last_event, "an order's last event is unknown");
  const FillRecord* last_fill = ledger_.fills().back();
  demand(last_fill == nullptr || last_fill->sequence <= last_event, "a fill's event is unknown");
}

void Venue::restore_event(SnapshotReader& in, std::int64_t version) {
  EventRecord event;
  event.type = in.member<OrderEventType>(1, 6);
  event.status = in.member<OrderStatus>(1, 6);
  event.order = ledger_.orders().find(in.number());
  demand(event.order != nullptr, "an order is unknown");
  // A final order is forgotten together with all events up to its last one, so none of its events may be later.
  demand(events_.last_sequence() < event.order->last_event, "an event comes after its order's last one");
  const std::int64_t number = in.number();
  for (event.fill = event.order->first_fill; event.fill != nullptr && event.fill->number != number;)
    event.fill = event.fill->next_of_order;
  demand((number == 0) == (event.fill == nullptr), "a fill is unknown");
  event.ts_event = read_market_time(in);
  event.terms = read_terms(in, *event.order, version);
  event.filled_quantity.mantissa = read_quantity(in);
  event.previous_of_strategy = event.order->strategy->events.last;
  append(event);
}

// Puts orders that are not final back into their queues, by priority; those that expire by their time.
void Venue::restore_queues() {
  restore_due_groups();
  constexpr OrderStatus kActive[] = {OrderStatus::kInitialized, OrderStatus::kSubmitted, OrderStatus::kPartiallyFilled};
  std::vector<OrderRecord*> active;
  for (OrderRecord* order = ledger_.orders().next(0, kActive); order != nullptr;
       order = ledger_.orders().next(order->number, kActive))
    active.push_back(order);
  for (OrderRecord* order : active) {
    order->strategy->open.push_back(order);
    ++order->strategy->open_count;
    if (order->reduce_only && order->place != Place::kAsleep) enter_reducing(*order);
  }
  std::ranges::sort(active, {}, &OrderRecord::priority);
  for (OrderRecord* order : active) {
    switch (order->place) {
      case Place::kNowhere:
        break;
      case Place::kLimits:
        rest(*order);
        break;
      case Place::kStops:
        rest_stop(*order);
        break;
      case Place::kWaiting:
        wait(*order);
        break;
      case Place::kArriving:
        defer(*order);
        break;
      case Place::kInactive:
        wait_to_trail(*order);
        break;
      case Place::kTrailing:
        demand(restore_trailing(*order), "a trailing stop has no cohort");
        break;
      case Place::kAsleep:
        break;
    }
  }
  std::ranges::stable_sort(active, {}, &OrderRecord::expires_at);
  for (OrderRecord* order : active) {
    if (order->time_in_force == TimeInForce::kGoodTillDate) enter_expiry(*order);
    if (order->time_in_force == TimeInForce::kDay)
      (order->expires_at == kNoTime ? order->instrument->undated_orders : order->instrument->day_orders)
          .push_back(order);
  }
}

}  // namespace alphaforge::execution
