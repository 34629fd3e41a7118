#pragma once

#include <functional>
#include <map>
#include <optional>

#include "execution/order_record.hpp"
#include "model/numbers.hpp"

namespace alphaforge::execution {

using HighestFirst = std::greater<Price>;
using LowestFirst = std::less<Price>;

// Orders of one symbol and side by price, and by priority within a price: an order that joins a level has just taken
// its priority. The first level is the one that a tick reaches first. A map, so a new level costs the logarithm of the
// number of levels, and a tick that reaches none costs one comparison.
template <class Before>
class Levels {
 public:
  bool empty() const { return levels_.empty(); }
  // Price and first order of the first level; there must be one.
  Price best_price() const { return levels_.begin()->first; }
  OrderRecord* front() const { return levels_.begin()->second.front(); }

  void add(OrderRecord* order, Price price) { levels_[price].push_back(order); }
  void remove(OrderRecord* order, Price price) {
    const auto level = levels_.find(price);
    level->second.remove(order);
    if (level->second.empty()) levels_.erase(level);
  }
  // The orders at that price; null if there are none.
  const Queue* find(Price price) const {
    const auto level = levels_.find(price);
    return level == levels_.end() ? nullptr : &level->second;
  }
  // Looks for an empty level among the next `levels_max` after `after`, which it advances; true after the last level.
  bool find_empty(std::optional<Price>& after, int levels_max, std::optional<Price>& empty) const {
    for (auto level = after ? levels_.upper_bound(*after) : levels_.begin(); level != levels_.end(); ++level) {
      if (levels_max-- == 0) return false;
      after = level->first;
      if (level->second.empty()) empty = level->first;
    }
    after.reset();
    return true;
  }
  // Calls visit(price, queue), first level first, until it returns false.
  template <class Visit>
  void each_until(Visit visit) const {
    for (const auto& [price, queue] : levels_)
      if (!visit(price, queue)) return;
  }

 private:
  std::map<Price, Queue, Before> levels_;
};

}  // namespace alphaforge::execution
