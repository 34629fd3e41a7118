#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/int128.hpp"
#include "execution/levels.hpp"
#include "execution/order_record.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

// The stop of an order whose extreme is `extreme`; it may lie outside the range of prices.
int128 trailing_stop(OrderSide side, Price extreme, const TrailTerms& terms);
// The limit of a trailing stop-limit that triggers at `stop`, at least `least`.
Price trailing_limit(OrderSide side, Price stop, const TrailTerms& terms, Price least);

// The order's extreme while it trails; otherwise none.
std::optional<Price> extreme_of(const OrderRecord& order);
// The order's current stop; none before it trails, or if the extreme has no price at its offset.
std::optional<Price> stop_price_of(const OrderRecord& order);

// The price that activates the order; without an activation price, one that any price reaches.
Price activation_level(const OrderRecord& order);

// The trailing stops of one symbol and side that have begun to trail, by their extremes: the highest price since each
// began for sells, the lowest for buys. Orders with the same extreme form a cohort. An order that began later has no
// better extreme, so cohorts are in order of their beginning, and a new extreme raises the youngest cohorts and merges
// them. A cohort stores its orders by offset, in a leftist heap for each type of offset: joining two heaps costs the
// logarithm of their sizes, and moving all orders costs nothing.
class TrailingStops {
 public:
  // Where a cohort begins, as a number of ticks of the engine, and its extreme.
  using Beginnings = std::map<std::int64_t, Price>;

  explicit TrailingStops(OrderSide side) : side_(side) {}

  // The last price is now `price`.
  void follow(Price price) {
    if (!cohorts_.empty() && signed_(price) < signed_(cohorts_.rbegin()->second.extreme)) raise(price);
  }
  // Whether `price` hits a stop.
  bool are_hit(Price price) const { return !by_stop_.empty() && by_stop_.begin()->first <= signed_(price); }
  // Calls visit(order, stop) for the orders that `price` hits, in no particular order.
  template <class Visit>
  void each_hit(Price price, Visit visit) const {
    for (auto at = by_stop_.begin(); at != by_stop_.end() && at->first <= signed_(price); ++at)
      for (OrderRecord* top : cohorts_.at(at->second).tops) visit_hits(top, at->second, price, visit);
  }

  // Adds an order that began at `order.trail->since` and has that extreme.
  void add(OrderRecord& order, Price extreme);
  // Adds the order to the cohort with its beginning; false if there is none.
  bool restore(OrderRecord& order);
  void restore(std::int64_t since, Price extreme) { cohorts_[since].extreme = extreme; }
  void remove(OrderRecord& order);
  Price extreme_of(const OrderRecord& order) const { return cohort_of(order)->second.extreme; }
  int128 stop_of(const OrderRecord& order) const { return trailing_stop(side_, extreme_of(order), order.trail->terms); }

  Beginnings beginnings() const;
  // Whether the order is at its position in its cohort.
  bool has(const OrderRecord& order) const;
  bool has_empty_cohort() const;

 private:
  struct Cohort {
    Price extreme;
    std::array<OrderRecord*, 2> tops{};  // by type of offset: the order that is hit first, or null
    int128 key = 0;                      // of its first stop, under which it is found
    bool is_listed = false;
  };
  using Cohorts = std::map<std::int64_t, Cohort>;

  // Numbers prices so that a stop with a smaller number is hit first: a low one for buys, a high one for sells.
  int128 signed_(Price price) const { return side_ == OrderSide::kBuy ? price.mantissa : -int128{price.mantissa}; }
  static std::size_t heap_of(const OrderRecord& order) {
    return order.trail->terms.type == TrailingOffsetType::kPrice ? 0 : 1;
  }
  int128 key_of(const OrderRecord& order, Price extreme) const {
    const int128 stop = trailing_stop(side_, extreme, order.trail->terms);
    return side_ == OrderSide::kBuy ? stop : -stop;
  }
  void raise(Price price);
  Cohorts::const_iterator cohort_of(const OrderRecord& order) const;
  void unlist(Cohorts::iterator cohort);
  void list(Cohorts::iterator cohort);

  // A heap can be as deep on one side as it has orders, so this recurses on the other side only.
  template <class Visit>
  void visit_hits(OrderRecord* order, std::int64_t since, Price price, Visit& visit) const {
    for (; order != nullptr; order = order->trail->left) {
      const int128 key = key_of(*order, cohorts_.at(since).extreme);
      if (key > signed_(price)) return;
      visit(*order, key);
      visit_hits(order->trail->right, since, price, visit);
    }
  }

  OrderSide side_;
  Cohorts cohorts_;
  std::set<std::pair<int128, std::int64_t>> by_stop_;  // of each cohort, the first stop and where it begins
};

// All trailing stops of one symbol that have not triggered.
struct Trailing {
  TrailingStops buys{OrderSide::kBuy};
  TrailingStops sells{OrderSide::kSell};
  // The stops that wait for their activation price, or for any price.
  Levels<HighestFirst> inactive_buys;
  Levels<LowestFirst> inactive_sells;
};

}  // namespace alphaforge::execution
