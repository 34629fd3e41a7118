#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
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
#include "execution/snapshot_format.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/commission.hpp"
#include "model/instrument_definition.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

// A venue from the bytes of its snapshot, which is what describe() in state.cpp writes, in the same order, or from the
// records of its checkpoint (checkpoint.hpp). The bytes may be anything: whatever could make a later step go wrong is
// refused here.

namespace alphaforge::execution {

namespace {

// No engine reaches this number, so smaller ones can be incremented safely.
constexpr std::int64_t kCountMax = std::int64_t{1} << 62;

void demand(bool holds, const char* otherwise) {
  if (!holds) SnapshotReader::damaged(otherwise);
}

std::int64_t read_count(SnapshotReader& in) {
  const std::int64_t count = in.number();
  demand(count >= 0 && count <= kCountMax, "a counter is out of range");
  return count;
}

std::int64_t read_market_time(SnapshotReader& in) {
  const std::int64_t time = in.number();
  demand(time == kNoTime || is_time(time), "a time is out of range");
  return time;
}

std::int64_t read_price(SnapshotReader& in) {
  const std::int64_t price = in.number();
  demand(price >= 0, "a price is negative");
  return price;
}

int128 read_quantity(SnapshotReader& in) {
  const int128 quantity = in.wide();
  demand(quantity >= 0, "a quantity is negative");
  return quantity;
}

// A sum that may be negative. The least 128-bit number can't be negated.
int128 read_amount(SnapshotReader& in) {
  const int128 amount = in.wide();
  demand(amount != std::numeric_limits<int128>::min(), "an amount is out of range");
  return amount;
}

Terms read_terms(SnapshotReader& in) {
  Terms terms;
  terms.quantity.mantissa = read_quantity(in);
  terms.price.mantissa = read_price(in);
  terms.stop_price.mantissa = read_price(in);
  return terms;
}

// Where cohorts of trailing stops begin, and their extremes: the older, the better.
void read_beginnings(SnapshotReader& in, TrailingStops& stops, OrderSide side) {
  std::int64_t last = -1, last_extreme = 0;
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::int64_t since = read_count(in);
    const std::int64_t extreme = read_price(in);
    const bool is_worse = side == OrderSide::kBuy ? extreme > last_extreme : extreme < last_extreme;
    demand(since > last && extreme > 0 && (last < 0 || is_worse), "a cohort of trailing stops is wrong");
    stops.restore(last = since, {last_extreme = extreme});
  }
}

void read_trailing(SnapshotReader& in, Instrument& instrument) {
  instrument.trailing = std::make_unique<Trailing>();
  read_beginnings(in, instrument.trailing->buys, OrderSide::kBuy);
  read_beginnings(in, instrument.trailing->sells, OrderSide::kSell);
  if (instrument.trailing->buys.beginnings().empty() && instrument.trailing->sells.beginnings().empty())
    instrument.trailing.reset();
}

std::unique_ptr<const InstrumentDefinition> read_definition(SnapshotReader& in, const std::string& instrument_id) {
  auto definition = std::make_unique<InstrumentDefinition>();
  definition->instrument_id = instrument_id;
  definition->currency = in.text(kCurrencyBytesMax);
  definition->tick_size.mantissa = read_price(in);
  definition->lot_size.mantissa = read_quantity(in);
  definition->multiplier = in.number();
  definition->is_inverse = in.flag();
  definition->off_grid = in.member<OffGrid>(1, 2);
  demand(definition->multiplier > 0, "a multiplier is out of range");
  CommissionTerms& commission = definition->commission;
  for (auto* const rate : {&commission.maker_rate, &commission.taker_rate}) {
    const bool has_one = in.flag();
    const std::int64_t number = in.number();
    demand(number > -kUnit && number < kUnit, "a rate is out of range");
    if (has_one) *rate = number;
  }
  commission.per_contract.mantissa = in.number();
  commission.per_order.mantissa = in.number();
  for (auto* const amount : {&commission.least, &commission.most}) {
    const bool has_one = in.flag();
    const Price price{in.number()};
    if (has_one) *amount = price;
  }
  demand(!commission.least || !commission.most || *commission.least <= *commission.most,
         "a commission's bounds are wrong");
  return definition;
}

void read_instrument(SnapshotReader& in, Instrument& instrument, std::int64_t version) {
  instrument.market_time = read_market_time(in);
  instrument.has_price = in.flag();
  instrument.last_price.mantissa = read_price(in);
  instrument.last_ts_event = read_market_time(in);
  instrument.last_trade_id = in.text(kTradeIdBytesMax);
  instrument.buy_pool.mantissa = read_quantity(in);
  instrument.sell_pool.mantissa = read_quantity(in);
  instrument.last_id_at = read_count(in);
  demand(!instrument.has_price || instrument.last_price.mantissa > 0, "a last price is missing");
  if (version < kOptionsVersion) return;
  read_trailing(in, instrument);
  if (version >= kDefinitionsVersion && in.flag()) instrument.definition = read_definition(in, instrument.id);
}

void read_window(SnapshotReader& in, Instrument& instrument) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const auto fingerprint = static_cast<std::uint64_t>(in.number());
    demand(fingerprint != 0 && !instrument.seen.contains(fingerprint), "a fingerprint occurs twice");
    instrument.seen.push(fingerprint);
  }
}

// Whether cost and quantity give a valid average price; a quantity of 0 must cost 0.
bool is_price(const InstrumentDefinition* definition, Value cost, int128 quantity) {
  int128 most = 0;
  if (definition != nullptr && !definition->is_plain()) return quantity != 0 || cost.mantissa == 0;
  return __builtin_mul_overflow(quantity < 0 ? -quantity : quantity, int128{INT64_MAX}, &most) || cost.mantissa <= most;
}

// Whether an active order can be in that queue.
bool may_be_at(const OrderRecord& order, Place place) {
  const bool is_stop = order.is_stop() && !order.is_triggered();
  switch (place) {
    case Place::kNowhere:
      return false;
    case Place::kLimits:
      return order.has_limit() && !is_stop;
    case Place::kStops:
      return is_stop && !order.is_trailing();
    case Place::kWaiting:
      return !order.has_limit() && !is_stop;
    case Place::kArriving:
      return !is_stop;
    case Place::kInactive:
      return is_stop && order.is_trailing() && order.trail->since == kNoTime;
    case Place::kTrailing:
      return is_stop && order.is_trailing() && order.trail->since != kNoTime;
    case Place::kAsleep:
      return true;
  }
  return false;
}

TrailTerms read_trail_terms(SnapshotReader& in) {
  TrailTerms terms;
  terms.type = in.member<TrailingOffsetType>(1, 2);
  terms.offset.mantissa = read_price(in);
  terms.limit_offset.mantissa = read_price(in);
  terms.activation_price.mantissa = read_price(in);
  const std::int64_t most = terms.type == TrailingOffsetType::kBasisPoints ? 10'000 * kUnit - 1 : INT64_MAX;
  demand(terms.offset.mantissa > 0 && terms.offset.mantissa <= most, "a trailing offset is out of range");
  demand(terms.limit_offset.mantissa <= most, "a limit's offset is out of range");
  return terms;
}

void read_trail(SnapshotReader& in, Trail& trail, std::int64_t version) {
  trail.terms = read_trail_terms(in);
  trail.since = in.number();
  trail.submitted_terms = version >= kDefinitionsVersion ? read_trail_terms(in) : trail.terms;
  demand(trail.since == kNoTime || trail.since >= 0, "a trailing stop's beginning is out of range");
}

// Prices that an order of its type has; those of a trailing stop are set when it ends or triggers.
bool has_its_prices(const OrderRecord& order, const Terms& terms) {
  const bool has_limit = terms.price.mantissa > 0, has_stop = terms.stop_price.mantissa > 0;
  if (!order.is_trailing()) return has_limit == order.has_limit() && has_stop == order.is_stop();
  if (&terms == &order.submitted_terms || order.place == Place::kInactive || order.place == Place::kTrailing)
    return !has_limit && !has_stop;
  return has_limit == (has_stop && order.has_limit()) && (has_stop || !order.is_triggered());
}

// Returns whether the order is in a group, which follows. `add_trail(order)` is called for a trailing stop.
template <class AddTrail>
bool read_order(SnapshotReader& in, OrderRecord& order, std::int64_t version, AddTrail add_trail) {
  order.side = in.member<OrderSide>(1, 2);
  order.type = in.member<OrderType>(1, 6);
  order.time_in_force = in.member<TimeInForce>(1, 5);
  order.status = in.member<OrderStatus>(1, 6);
  order.reject_reason = in.member<RejectReason>(0, 16);
  order.cancel_reason = in.member<CancelReason>(0, 31);
  demand(order.cancel_reason == CancelReason::kNone || !name_of(order.cancel_reason).empty(), "a reason is unknown");
  order.place = in.member<Place>(0, 7);
  const auto flags = in.member<std::uint8_t>(0, version >= kGroupsVersion ? 3 : 1);
  order.post_only = (flags & 1U) != 0;
  const bool is_grouped = (flags & 2U) != 0;
  order.terms = read_terms(in);
  order.submitted_terms = read_terms(in);
  order.filled_quantity.mantissa = read_quantity(in);
  order.filled_value.mantissa = read_amount(in);
  order.commission.mantissa = read_amount(in);
  order.priority = static_cast<std::uint64_t>(read_count(in));
  order.created_at = in.number();
  order.submitted_at = in.number();
  order.updated_at = in.number();
  order.triggered_at = read_market_time(in);
  order.expires_at = in.number();
  order.last_event = read_count(in);
  order.reduce_only = version >= kOptionsVersion && in.flag();
  if (is_trailing(order.type)) {
    demand(version >= kOptionsVersion, "an enumeration has no such member");
    add_trail(order);
    read_trail(in, *order.trail, version);
  }
  demand(!order.expire_time() || is_time(*order.expire_time()), "an order's date is out of range");
  demand(is_final(order.status) ? order.place == Place::kNowhere : may_be_at(order, order.place),
         "an order's place is wrong");
  demand(order.place == Place::kAsleep ? is_grouped : order.status != OrderStatus::kInitialized,
         "an order without a parent is asleep");
  demand(!is_grouped || !(order.reduce_only || order.is_trailing()), "an order can't be in a group");
  for (const Terms* terms : {&order.terms, &order.submitted_terms}) {
    demand(terms->quantity.mantissa > 0, "an order has no quantity");
    demand(has_its_prices(order, *terms), "an order's prices are wrong");
  }
  return is_grouped;
}

GroupRecord read_group(SnapshotReader& in) {
  GroupRecord group;
  group.number = read_count(in);
  group.id = OrderId(in.text(kOrderIdBytesMax));
  group.type = in.member<OrderGroupType>(1, 3);
  group.size = in.member<std::uint8_t>(2, kGroupOrdersMax);
  group.greatest.mantissa = read_quantity(in);
  group.filled.mantissa = read_quantity(in);
  group.filled_by_parent.mantissa = read_quantity(in);
  group.released.mantissa = read_quantity(in);
  group.due_since = read_count(in);
  return group;
}

bool is_alike(const GroupRecord& one, const GroupRecord& other) {
  return one.id.view() == other.id.view() && one.type == other.type && one.size == other.size &&
         one.greatest == other.greatest && one.filled == other.filled &&
         one.filled_by_parent == other.filled_by_parent && one.released == other.released &&
         one.due_since == other.due_since;
}

}  // namespace

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
  for (std::int64_t rest = kept; rest > 0; --rest) restore_event(in);
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
    read_instrument(in, *(instruments[number] = &add_instrument(id)), version);
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
  each(CheckpointRecord::kEvent, [&](SnapshotReader& in) { restore_event(in); });
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

void Venue::restore_instruments(SnapshotReader& in, std::int64_t version) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::string_view id = in.text(kInstrumentIdBytesMax);
    demand(find_instrument(id) == nullptr, "an instrument occurs twice");
    Instrument& instrument = add_instrument(id);
    read_instrument(in, instrument, version);
    read_window(in, instrument);
  }
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::string_view id = in.text(kInstrumentIdBytesMax);
    demand(!unlisted_.contains(id), "an instrument occurs twice");
    // Earlier releases kept both: an instrument beyond `max_instruments`, and itself once that had been raised.
    Instrument ignored{std::string(id)};
    Instrument& instrument = find_instrument(id) == nullptr ? add_unlisted_instrument(id) : ignored;
    read_instrument(in, instrument, version);
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
    position.cost.mantissa = read_quantity(in);
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

// `adds_instrument`: what is not listed is an instrument of rejected orders.
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
  fill.price.mantissa = read_price(in);
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
    demand(!__builtin_add_overflow(before, fill.commission.mantissa, &fill.accrued.mantissa),
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

void Venue::restore_event(SnapshotReader& in) {
  EventRecord event;
  event.type = in.member<OrderEventType>(1, 6);
  event.status = in.member<OrderStatus>(1, 6);
  event.order = ledger_.orders().find(in.number());
  demand(event.order != nullptr, "an order is unknown");
  // When a final order is forgotten, its events up to the last one are: none may outlive it.
  demand(events_.last_sequence() < event.order->last_event, "an event comes after its order's last one");
  const std::int64_t number = in.number();
  for (event.fill = event.order->first_fill; event.fill != nullptr && event.fill->number != number;)
    event.fill = event.fill->next_of_order;
  demand((number == 0) == (event.fill == nullptr), "a fill is unknown");
  event.ts_event = read_market_time(in);
  event.terms = read_terms(in);
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
    if (order->reduce_only) enter_reducing(*order);
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
        if (order->instrument->trailing == nullptr) order->instrument->trailing = std::make_unique<Trailing>();
        rest_inactive(*order);
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
