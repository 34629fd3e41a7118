#include "execution/venue.hpp"

// The invariants, checked the slow way, for tests and for the service's status.

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
  findings.expect((order.status == OrderStatus::kFilled) == (order.filled_quantity == order.terms.quantity), "Filled and leaves disagree", id);
  findings.expect(is_active(order.status) == (order.place != Place::kNowhere), "active, and neither rests nor waits", id);
  findings.expect((order.status == OrderStatus::kRejected) == (order.reject_reason != RejectReason::kNone),
                  "Rejected and reject_reason disagree", id);
  findings.expect((order.status == OrderStatus::kCancelled) == (order.cancel_reason != CancelReason::kNone),
                  "Cancelled and cancel_reason disagree", id);
}

// Members of a queue: all in that place, by priority. Returns how many.
std::int64_t check_queue(Findings& findings, const Queue& queue, Place place) {
  std::int64_t count = 0;
  const OrderRecord* before = nullptr;
  for (const OrderRecord* order = queue.front(); order != nullptr; before = order, order = Queue::next(order), ++count) {
    findings.expect(order->place == place, "in a queue that is not its place", order->id.view());
    findings.expect(before == nullptr || before->priority < order->priority, "out of priority", order->id.view());
  }
  return count;
}

template <class Levels>
std::int64_t check_levels(Findings& findings, const Levels& levels, Place place) {
  std::int64_t count = 0;
  levels.each([&](Price price, const Queue& queue) {
    count += check_queue(findings, queue, place);
    findings.expect(!queue.empty(), "an empty level", to_string(price));
    for (const OrderRecord* order = queue.front(); order != nullptr; order = Queue::next(order))
      findings.expect((place == Place::kStops ? order->terms.stop_price : order->terms.price) == price,
                      "at a level of another price", order->id.view());
  });
  return count;
}

}  // namespace

std::vector<std::string> Venue::validate() const {
  Findings findings;
  std::int64_t open = 0, partial = 0, rejected = 0, filled = 0, cancelled = 0, orders = 0;
  for (const OrderRecord* order = ledger_.orders().front(); order != nullptr; order = OrderHistory::next(order)) {
    check_order_record(findings, *order);
    findings.expect(ledger_.find(order->id.view()) == order, "not found by its id", order->id.view());
    ++orders;
    open += is_active(order->status);
    partial += order->status == OrderStatus::kPartiallyFilled;
    rejected += order->status == OrderStatus::kRejected;
    filled += order->status == OrderStatus::kFilled;
    cancelled += order->status == OrderStatus::kCancelled;
  }
  std::int64_t placed = 0;
  for (const auto& [id, instrument] : instruments_) {
    placed += check_levels(findings, instrument->bids, Place::kLimits);
    placed += check_levels(findings, instrument->asks, Place::kLimits);
    placed += check_levels(findings, instrument->buy_stops, Place::kStops);
    placed += check_levels(findings, instrument->sell_stops, Place::kStops);
    placed += check_queue(findings, instrument->waiting_buys, Place::kWaiting);
    placed += check_queue(findings, instrument->waiting_sells, Place::kWaiting);
    placed += check_queue(findings, instrument->arriving, Place::kArriving);
    findings.expect(instrument->buy_pool.mantissa >= 0 && instrument->sell_pool.mantissa >= 0, "an overdrawn pool", id);
    // What a stop-limit or limit leaves in the book could not be taken when it arrived; an untriggered stop is not through.
    if (instrument->has_price && !instrument->buy_stops.empty())
      findings.expect(instrument->buy_stops.best_price() > instrument->last_price, "a buy stop is through", id);
    if (instrument->has_price && !instrument->sell_stops.empty())
      findings.expect(instrument->sell_stops.best_price() < instrument->last_price, "a sell stop is through", id);
  }
  findings.expect(orders == ledger_.size(), "the index and the history differ", "orders");
  findings.expect(placed == open, "orders in queues and active orders differ in number", "orders");
  findings.expect(open == counts_.orders_open, "orders_open is wrong", "statistics");
  findings.expect(partial == counts_.orders_partially_filled, "orders_partially_filled is wrong", "statistics");
  if (ledger_.youngest_forgotten() == kNever) {
    findings.expect(orders == counts_.orders_submitted, "orders_submitted is wrong", "statistics");
    findings.expect(rejected == counts_.orders_rejected, "orders_rejected is wrong", "statistics");
    findings.expect(filled == counts_.orders_filled, "orders_filled is wrong", "statistics");
    findings.expect(cancelled == counts_.orders_cancelled, "orders_cancelled is wrong", "statistics");
  }
  return findings.take();
}

}  // namespace alphaforge::execution
