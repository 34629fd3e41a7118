#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/money.hpp"
#include "execution/order_history.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "execution/validation.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

// Checks invariants the slow way, for tests and for the service's ValidateEngine. Each order and each instrument is
// checked separately, so they may be checked at different times.

namespace alphaforge::execution {

namespace {

void check_order_record(Validation& found, const OrderRecord& order) {
  const std::string_view id = order.id.view();
  int128 filled = 0, value = 0, commission = 0;
  bool fits = true;
  for (const FillRecord* fill = order.first_fill; fill != nullptr; fill = fill->next_of_order) {
    Value part;
    const InstrumentDefinition* const definition = order.instrument->definition.get();
    fits = fits && value_at(definition, fill->price, fill->quantity.mantissa, part) &&
           checked_add(filled, fill->quantity.mantissa, filled) && checked_add(value, part.mantissa, value) &&
           checked_add(commission, fill->commission.mantissa, commission);
    const bool is_worse = order.is_buy() ? fill->price > order.terms.price : fill->price < order.terms.price;
    // A limit that was changed may have filled at a former one.
    found.expect(!order.has_limit() || order.terms.price != order.submitted_terms.price || !is_worse,
                 "a fill is worse than the limit", id);
  }
  found.expect(fits, "a sum over the fills does not fit 128 bits", id);
  found.expect(filled == order.filled_quantity.mantissa, "filled_quantity is not the sum of the fills", id);
  found.expect(value == order.filled_value.mantissa, "filled_value is not the sum of the fills", id);
  found.expect(commission == order.commission.mantissa, "commission is not the sum of the fills", id);
  found.expect(order.filled_quantity.mantissa >= 0 && order.filled_quantity <= order.terms.quantity,
               "more was filled than was ordered", id);
  found.expect((order.status == OrderStatus::kFilled) == (order.filled_quantity == order.terms.quantity),
               "Filled and leaves disagree", id);
  found.expect(is_final(order.status) == (order.place == Place::kNowhere), "active, and neither rests nor waits", id);
  found.expect((order.status == OrderStatus::kRejected) == (order.reject_reason != RejectReason::kNone),
               "Rejected and reject_reason disagree", id);
  found.expect((order.status == OrderStatus::kCancelled) == (order.cancel_reason != CancelReason::kNone),
               "Cancelled and cancel_reason disagree", id);
}

Price level_of(const OrderRecord& order) {
  switch (order.place) {
    case Place::kLimits:
      return order.terms.price;
    case Place::kStops:
      return order.terms.stop_price;
    case Place::kInactive:
      return activation_level(order);
    default:
      return {};
  }
}

// Whether the order and its neighbours are in that queue, by priority.
bool is_member(const Queue* queue, const OrderRecord& order) {
  if (queue == nullptr) return false;
  const OrderRecord* const next = Queue::next(&order);
  const OrderRecord* const previous = Queue::previous(&order);
  if (previous == nullptr ? queue->front() != &order : Queue::next(previous) != &order) return false;
  if (next == nullptr) return queue->back() == &order;
  return Queue::previous(next) == &order && next->place == order.place && next->instrument == order.instrument &&
         order.priority < next->priority && level_of(*next) == level_of(order);
}

// Whether the order's neighbours in the queue are those that ended before and after it.
bool is_member_of_final(const Queue& queue, const OrderRecord& order) {
  const OrderRecord* const next = Queue::next(&order);
  const OrderRecord* const previous = Queue::previous(&order);
  if (previous == nullptr ? queue.front() != &order : Queue::next(previous) != &order) return false;
  if (next == nullptr) return queue.back() == &order;
  return Queue::previous(next) == &order && is_final(next->status) && order.last_event < next->last_event;
}

bool is_in_trailing(const Trailing& trailing, const OrderRecord& order) {
  const Instrument& instrument = *order.instrument;
  const TrailingStops& stops = order.is_buy() ? trailing.buys : trailing.sells;
  if (!stops.has(order) || !instrument.has_price) return false;
  // The last price is not beyond the extreme.
  const Price extreme = stops.extreme_of(order);
  return order.is_buy() ? extreme <= instrument.last_price : extreme >= instrument.last_price;
}

void check_group_record(Validation& found, const GroupRecord& group) {
  const std::string_view id = group.id.view();
  int128 filled = 0;
  bool is_whole = true;
  for (const OrderRecord* order : group.children()) {
    is_whole = is_whole && order != nullptr;
    if (order == nullptr) continue;
    filled += order->filled_quantity.mantissa;
    const int128 room = group.room(*order);
    found.expect(room >= 0, "siblings or a child filled more than they may", id);
    if (is_final(order->status)) continue;
    if (order->place == Place::kAsleep)
      found.expect(group.may_grow(), "asleep, and nothing will wake it", order->id.view());
    else
      found.expect(room > 0, "in the books without anything to fill", order->id.view());
  }
  const OrderRecord* parent = group.parent();
  found.expect(parent == nullptr || parent->place != Place::kAsleep, "a parent is asleep", id);
  found.expect(parent == nullptr || parent->filled_quantity == group.filled_by_parent,
               "filled_by_parent is not what the parent filled", id);
  found.expect(has_parent(group.type) || group.filled_by_parent.mantissa == 0, "filled by a missing parent", id);
  found.expect(!has_siblings(group.type) || !is_whole || filled == group.filled.mantissa,
               "what siblings filled is not the sum of their fills", id);
  found.expect(group.released <= group.filled_by_parent, "more was released than the parent filled", id);
  found.expect((group.due_since != 0) == (group.released < group.filled_by_parent), "due and released disagree", id);
}

// A group is checked with the first of its orders that is remembered.
bool is_first_remembered(const GroupRecord& group, const OrderRecord& order) {
  for (const OrderRecord* each : group.orders)
    if (each != nullptr) return each == &order;
  return false;
}

// Looks for empty levels; whether that was all.
bool has_searched(Validation& found, const Instrument& instrument) {
  std::size_t number = 0;
  const auto search = [&](const auto& levels) {
    if (number++ != found.levels) return true;
    std::optional<Price> empty;
    const bool is_all = levels.find_empty(found.price, found.items_max, empty);
    found.expect(!empty, "an empty level", instrument.id);
    found.levels += is_all ? 1 : 0;
    return is_all;
  };
  const Trailing* const trailing = instrument.trailing.get();
  return search(instrument.bids) && search(instrument.asks) && search(instrument.buy_stops) &&
         search(instrument.sell_stops) &&
         (trailing == nullptr || (search(trailing->inactive_buys) && search(trailing->inactive_sells)));
}

// Whether it is among the orders that end with the position.
bool is_among_reducing(const OrderRecord& order) {
  const auto own = order.strategy->reducing.find(order.instrument);
  if (own == order.strategy->reducing.end()) return false;
  const auto found = own->second.find(order.number);
  return found != own->second.end() && found->second == &order;
}

}  // namespace

bool Venue::is_in_its_queue(const OrderRecord& order) const {
  const Instrument& instrument = *order.instrument;
  const Trailing* const trailing = instrument.trailing.get();
  const bool buys = order.is_buy();
  switch (order.place) {
    case Place::kNowhere:
      return is_member_of_final(ledger_.final_orders(), order);
    case Place::kLimits:
      return is_member(buys ? instrument.bids.find(level_of(order)) : instrument.asks.find(level_of(order)), order);
    case Place::kStops:
      return is_member(buys ? instrument.buy_stops.find(level_of(order)) : instrument.sell_stops.find(level_of(order)),
                       order);
    case Place::kWaiting:
      return is_member(buys ? &instrument.waiting_buys : &instrument.waiting_sells, order);
    case Place::kArriving:
      return is_member(&instrument.arriving, order);
    case Place::kAsleep:
      return Queue::next(&order) == nullptr && Queue::previous(&order) == nullptr;
    case Place::kInactive:
      return trailing != nullptr && is_member(buys ? trailing->inactive_buys.find(level_of(order))
                                                   : trailing->inactive_sells.find(level_of(order)),
                                              order);
    case Place::kTrailing:
      return trailing != nullptr && is_in_trailing(*trailing, order);
  }
  return false;
}

std::vector<std::string> Venue::validate() const {
  Validation validation;
  while (!validate(validation)) continue;
  return std::move(validation.violations);
}

bool Venue::validate(Validation& validation) const {
  return check_orders(validation) && check_instruments(validation) && check_totals(validation);
}

bool Venue::check_orders(Validation& found) const {
  // Orders added after the check began are not checked, since they could arrive faster than they are checked.
  if (found.last_order == 0) found.last_order = ledger_.last_number();
  for (int orders = 0;; ++orders) {
    const OrderRecord* const order = ledger_.orders().next(found.order);
    if (order == nullptr || order->number > found.last_order) return true;
    if (orders == found.items_max) return false;
    found.order = order->number;
    const std::string_view id = order->id.view();
    check_order_record(found, *order);
    found.expect(ledger_.find(id) == order, "not found by its id", id);
    found.expect(is_in_its_queue(*order), "not in the queue of its place, by priority", id);
    const bool reduces = is_active(order->status) && order->reduce_only && order->place != Place::kAsleep;
    found.expect(is_among_reducing(*order) == reduces, "reduce-only orders are not those that are active", id);
    found.expect(!reduces || fillable(*order) > 0, "reduce-only, and there is nothing to reduce", id);
    if (order->group != nullptr && is_first_remembered(*order->group, *order)) check_group_record(found, *order->group);
  }
}

bool Venue::check_instruments(Validation& found) const {
  for (int instruments = 0; found.instrument != instruments_by_index_.size(); ++instruments) {
    if (instruments == found.items_max) return false;
    const Instrument& instrument = *instruments_by_index_[found.instrument];
    const Trailing* const trailing = instrument.trailing.get();
    if (!has_searched(found, instrument)) return false;
    found.expect(instrument.buy_pool.mantissa >= 0 && instrument.sell_pool.mantissa >= 0, "an overdrawn pool",
                 instrument.id);
    if (instrument.has_price) {
      // The last price has not reached a stop that has not triggered.
      const Price last = instrument.last_price;
      const auto& buys = instrument.buy_stops;
      const auto& sells = instrument.sell_stops;
      found.expect(buys.empty() || buys.best_price() > last, "a buy stop is through", instrument.id);
      found.expect(sells.empty() || sells.best_price() < last, "a sell stop is through", instrument.id);
    }
    if (trailing != nullptr)
      for (const TrailingStops* stops : {&trailing->buys, &trailing->sells}) {
        found.expect(!stops->has_empty_cohort(), "an empty cohort", instrument.id);
        found.expect(!stops->are_hit(instrument.last_price), "a trailing stop is through", instrument.id);
      }
    ++found.instrument;
    found.levels = 0;
  }
  return true;
}

bool Venue::check_totals(Validation& found) const {
  const OrderHistory& orders = ledger_.orders();
  if (found.stretch < found.last_order) {
    if (const std::optional<bool> agree = orders.counts_agree(found.stretch)) {
      found.expect(*agree, "a part of the history counts its orders wrongly", "statistics");
      return false;
    }
  }
  const auto count = [&](std::initializer_list<OrderStatus> statuses) { return orders.count(statuses); };
  found.expect(orders.totals_agree(), "the history counts its orders wrongly", "statistics");
  found.expect(orders.size() == ledger_.size(), "the index and the history differ", "orders");
  const std::int64_t partial = count({OrderStatus::kPartiallyFilled});
  found.expect(count({OrderStatus::kSubmitted}) + partial == counts_.orders_open, "orders_open is wrong", "statistics");
  found.expect(partial == counts_.orders_partially_filled, "orders_partially_filled is wrong", "statistics");
  for (const Strategy* strategy : strategies_by_index_)
    found.expect(account_adds_up(*strategy), "an account is not what its positions say", strategy->id);
  if (ledger_.youngest_forgotten() == kNoTime) {
    found.expect(orders.size() == counts_.orders_submitted, "orders_submitted is wrong", "statistics");
    found.expect(count({OrderStatus::kRejected}) == counts_.orders_rejected, "orders_rejected is wrong", "statistics");
    found.expect(count({OrderStatus::kFilled}) == counts_.orders_filled, "orders_filled is wrong", "statistics");
    found.expect(count({OrderStatus::kCancelled}) == counts_.orders_cancelled, "orders_cancelled is wrong",
                 "statistics");
  }
  return true;
}

}  // namespace alphaforge::execution
