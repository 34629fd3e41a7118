#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "execution/group_record.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

// Checks invariants the slow way, for tests and for the service's ValidateEngine.

namespace alphaforge::execution {

namespace {

// Collects what does not hold.
class Findings {
 public:
  void expect(bool holds, const char* what, std::string_view subject) {
    if (!holds) found_.push_back(std::string(what) + ": " + std::string(subject));
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  std::vector<std::string> found_;
};

[[nodiscard]] bool add(int128& sum, int128 term) { return !__builtin_add_overflow(sum, term, &sum); }

void check_order_record(Findings& findings, const OrderRecord& order) {
  const std::string_view id = order.id.view();
  int128 filled = 0, value = 0, commission = 0;
  bool fits = true;
  for (const FillRecord* fill = order.first_fill; fill != nullptr; fill = fill->next_of_order) {
    Value part;
    fits = fits && multiply(fill->price, fill->quantity, part) && add(filled, fill->quantity.mantissa) &&
           add(value, part.mantissa) && add(commission, fill->commission.mantissa);
    const bool is_worse = order.is_buy() ? fill->price > order.terms.price : fill->price < order.terms.price;
    // A limit that was changed may have filled at a former one.
    findings.expect(!order.has_limit() || order.terms.price != order.submitted_terms.price || !is_worse,
                    "a fill is worse than the limit", id);
  }
  findings.expect(fits, "a sum over the fills does not fit 128 bits", id);
  findings.expect(filled == order.filled_quantity.mantissa, "filled_quantity is not the sum of the fills", id);
  findings.expect(value == order.filled_value.mantissa, "filled_value is not the sum of the fills", id);
  findings.expect(commission == order.commission.mantissa, "commission is not the sum of the fills", id);
  findings.expect(order.filled_quantity.mantissa >= 0 && order.filled_quantity <= order.terms.quantity,
                  "more was filled than was ordered", id);
  findings.expect((order.status == OrderStatus::kFilled) == (order.filled_quantity == order.terms.quantity),
                  "Filled and leaves disagree", id);
  findings.expect(is_final(order.status) == (order.place == Place::kNowhere), "active, and neither rests nor waits",
                  id);
  findings.expect((order.status == OrderStatus::kRejected) == (order.reject_reason != RejectReason::kNone),
                  "Rejected and reject_reason disagree", id);
  findings.expect((order.status == OrderStatus::kCancelled) == (order.cancel_reason != CancelReason::kNone),
                  "Cancelled and cancel_reason disagree", id);
}

// Members of a queue: all in that place, by priority. Returns how many.
std::int64_t check_queue(Findings& findings, const Queue& queue, Place place) {
  std::int64_t count = 0;
  const OrderRecord* before = nullptr;
  for (const OrderRecord* order = queue.front(); order != nullptr;
       before = order, order = Queue::next(order), ++count) {
    findings.expect(order->place == place, "in a queue that is not its place", order->id.view());
    findings.expect(before == nullptr || before->priority < order->priority, "out of priority", order->id.view());
  }
  return count;
}

Price level_of(const OrderRecord& order) {
  if (order.place == Place::kInactive) return activation_level(order);
  return order.place == Place::kStops ? order.terms.stop_price : order.terms.price;
}

template <class Levels>
std::int64_t check_levels(Findings& findings, const Levels& levels, Place place) {
  std::int64_t count = 0;
  levels.each([&](Price price, const Queue& queue) {
    count += check_queue(findings, queue, place);
    findings.expect(!queue.empty(), "an empty level", to_string(price));
    for (const OrderRecord* order = queue.front(); order != nullptr; order = Queue::next(order))
      findings.expect(level_of(*order) == price, "at a level of another price", order->id.view());
  });
  return count;
}

// One side of an instrument's trailing stops. Returns how many.
std::int64_t check_trailing(Findings& findings, const TrailingStops& stops, const Instrument& instrument,
                            OrderSide side) {
  std::int64_t count = 0;
  stops.each([&](OrderRecord& order, Price extreme) {
    ++count;
    const std::string_view id = order.id.view();
    findings.expect(order.place == Place::kTrailing && order.side == side, "in a cohort that is not its place", id);
    findings.expect(stops.extreme_of(order) == extreme, "in a cohort of another beginning", id);
    const bool is_lost = side == OrderSide::kBuy ? extreme > instrument.last_price : extreme < instrument.last_price;
    findings.expect(instrument.has_price && !is_lost, "the last price is beyond the extreme", id);
    for (const OrderRecord* below : {order.trail->left, order.trail->right})
      findings.expect(below == nullptr ||
                          (below->trail->parent == &order && order.trail->terms.offset <= below->trail->terms.offset),
                      "out of order in its cohort", id);
  });
  findings.expect(!stops.has_empty_cohort(), "an empty cohort", instrument.id);
  findings.expect(!stops.are_hit(instrument.last_price), "a trailing stop is through", instrument.id);
  return count;
}

void check_group_record(Findings& findings, const GroupRecord& group) {
  const std::string_view id = group.id.view();
  int128 filled = 0;
  bool is_whole = true;
  for (const OrderRecord* order : group.children()) {
    is_whole = is_whole && order != nullptr;
    if (order == nullptr) continue;
    filled += order->filled_quantity.mantissa;
    const int128 room = group.room(*order);
    findings.expect(room >= 0, "siblings or a child filled more than they may", id);
    if (is_final(order->status)) continue;
    if (order->place == Place::kAsleep)
      findings.expect(group.may_grow(), "asleep, and nothing will wake it", order->id.view());
    else
      findings.expect(room > 0, "in the books without anything to fill", order->id.view());
  }
  const OrderRecord* parent = group.parent();
  findings.expect(parent == nullptr || parent->place != Place::kAsleep, "a parent is asleep", id);
  findings.expect(parent == nullptr || parent->filled_quantity == group.filled_by_parent,
                  "filled_by_parent is not what the parent filled", id);
  findings.expect(has_parent(group.type) || group.filled_by_parent.mantissa == 0, "filled by a missing parent", id);
  findings.expect(!has_siblings(group.type) || !is_whole || filled == group.filled.mantissa,
                  "what siblings filled is not the sum of their fills", id);
  findings.expect(group.released <= group.filled_by_parent, "more was released than the parent filled", id);
  findings.expect((group.due_since != 0) == (group.released < group.filled_by_parent), "due and released disagree", id);
}

}  // namespace

std::vector<std::string> Venue::validate() const {
  Findings findings;
  for (const auto& [number, group] : ledger_.groups()) check_group_record(findings, group);
  std::int64_t placed = 0, listed = 0;
  std::int64_t open = 0, partial = 0, rejected = 0, filled = 0, cancelled = 0, orders = 0, reducing = 0;
  for (const OrderRecord* order = ledger_.orders().next(0); order != nullptr;
       order = ledger_.orders().next(order->number)) {
    check_order_record(findings, *order);
    findings.expect(ledger_.find(order->id.view()) == order, "not found by its id", order->id.view());
    ++orders;
    open += is_active(order->status);
    reducing += is_active(order->status) && order->reduce_only;
    listed += !is_final(order->status);
    placed += order->place == Place::kAsleep;
    partial += order->status == OrderStatus::kPartiallyFilled;
    rejected += order->status == OrderStatus::kRejected;
    filled += order->status == OrderStatus::kFilled;
    cancelled += order->status == OrderStatus::kCancelled;
  }
  for (const auto& [id, strategy] : strategies_)
    for (const auto& [instrument, own] : strategy->reducing) {
      reducing -= static_cast<std::int64_t>(own.size());
      for (const auto& [number, order] : own)
        findings.expect(fillable(*order) > 0, "reduce-only, and there is nothing to reduce", order->id.view());
    }
  findings.expect(reducing == 0, "reduce-only orders in queues and active ones differ in number", "orders");
  for (const auto& [id, instrument] : instruments_) {
    placed += check_levels(findings, instrument->bids, Place::kLimits);
    placed += check_levels(findings, instrument->asks, Place::kLimits);
    placed += check_levels(findings, instrument->buy_stops, Place::kStops);
    placed += check_levels(findings, instrument->sell_stops, Place::kStops);
    if (const Trailing* const trailing = instrument->trailing.get()) {
      placed += check_trailing(findings, trailing->buys, *instrument, OrderSide::kBuy);
      placed += check_trailing(findings, trailing->sells, *instrument, OrderSide::kSell);
      placed += check_levels(findings, trailing->inactive_buys, Place::kInactive);
      placed += check_levels(findings, trailing->inactive_sells, Place::kInactive);
    }
    placed += check_queue(findings, instrument->waiting_buys, Place::kWaiting);
    placed += check_queue(findings, instrument->waiting_sells, Place::kWaiting);
    placed += check_queue(findings, instrument->arriving, Place::kArriving);
    findings.expect(instrument->buy_pool.mantissa >= 0 && instrument->sell_pool.mantissa >= 0, "an overdrawn pool", id);
    // The resting remainder of a limit could not fill when it arrived; an untriggered stop is not through.
    if (instrument->has_price && !instrument->buy_stops.empty())
      findings.expect(instrument->buy_stops.best_price() > instrument->last_price, "a buy stop is through", id);
    if (instrument->has_price && !instrument->sell_stops.empty())
      findings.expect(instrument->sell_stops.best_price() < instrument->last_price, "a sell stop is through", id);
  }
  findings.expect(orders == ledger_.size(), "the index and the history differ", "orders");
  findings.expect(placed == listed, "orders in queues and active orders differ in number", "orders");
  findings.expect(open == counts_.orders_open, "orders_open is wrong", "statistics");
  findings.expect(partial == counts_.orders_partially_filled, "orders_partially_filled is wrong", "statistics");
  if (ledger_.youngest_forgotten() == kNoTime) {
    findings.expect(orders == counts_.orders_submitted, "orders_submitted is wrong", "statistics");
    findings.expect(rejected == counts_.orders_rejected, "orders_rejected is wrong", "statistics");
    findings.expect(filled == counts_.orders_filled, "orders_filled is wrong", "statistics");
    findings.expect(cancelled == counts_.orders_cancelled, "orders_cancelled is wrong", "statistics");
  }
  return findings.take();
}

}  // namespace alphaforge::execution
