#include "execution/trailing.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "execution/order_record.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

namespace {

// How far `offset` is from `price`; basis points are of its magnitude.
int128 distance(Price price, TrailingOffsetType type, Price offset) {
  if (type == TrailingOffsetType::kPrice) return offset.mantissa;
  const int128 size = price.mantissa < 0 ? -int128{price.mantissa} : int128{price.mantissa};
  return divide_half_even(size * offset.mantissa, static_cast<int128>(kUnit) * 10'000);
}

// The heap's order: by offset, then by priority.
bool is_before(const OrderRecord& one, const OrderRecord& other) {
  const Price a = one.trail->terms.offset, b = other.trail->terms.offset;
  return a != b ? a < b : one.priority < other.priority;
}

std::uint32_t rank_of(const OrderRecord* top) { return top == nullptr ? 0 : top->trail->rank; }

// Puts the child of higher rank on the left; true if the order's rank changed.
bool settle(OrderRecord& order) {
  Trail& node = *order.trail;
  if (rank_of(node.left) < rank_of(node.right)) std::swap(node.left, node.right);
  const std::uint32_t rank = rank_of(node.right) + 1;
  return std::exchange(node.rank, rank) != rank;
}

// Recurses down the right sides, whose lengths are logarithmic in the sizes.
OrderRecord* meld(OrderRecord* one, OrderRecord* other) {
  if (one == nullptr) return other;
  if (other == nullptr) return one;
  if (is_before(*other, *one)) std::swap(one, other);
  Trail& node = *one->trail;
  node.right = meld(node.right, other);
  node.right->trail->parent = one;
  settle(*one);
  return one;
}

// The top of the heap without the order.
OrderRecord* without(OrderRecord* top, OrderRecord& order) {
  Trail& node = *order.trail;
  OrderRecord* const rest = meld(node.left, node.right);
  OrderRecord* const parent = node.parent;
  if (rest != nullptr) rest->trail->parent = parent;
  if (parent != nullptr) {
    (parent->trail->left == &order ? parent->trail->left : parent->trail->right) = rest;
    for (OrderRecord* at = parent; at != nullptr && settle(*at);) at = at->trail->parent;
  }
  node.left = node.right = node.parent = nullptr;
  node.rank = 1;
  return parent == nullptr ? rest : top;
}

}  // namespace

int128 trailing_stop(OrderSide side, Price extreme, const TrailTerms& terms) {
  const int128 away = std::max<int128>(distance(extreme, terms.type, terms.offset), 1);
  return side == OrderSide::kBuy ? extreme.mantissa + away : extreme.mantissa - away;
}

Price trailing_limit(OrderSide side, Price stop, const TrailTerms& terms, Price least) {
  const int128 away = distance(stop, terms.type, terms.limit_offset);
  const int128 limit = side == OrderSide::kBuy ? stop.mantissa + away : stop.mantissa - away;
  return {
      static_cast<std::int64_t>(std::clamp<int128>(limit, least.mantissa, std::numeric_limits<std::int64_t>::max()))};
}

Price activation_level(const OrderRecord& order) {
  const Price given = order.trail->terms.activation_price;
  if (given != kNoPrice) return given;
  return {order.is_buy() ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min()};
}

// The youngest cohorts with extremes up to `price` become one with that extreme.
void TrailingStops::raise(Price price) {
  auto last = std::prev(cohorts_.end());
  unlist(last);
  while (last != cohorts_.begin()) {
    const auto before = std::prev(last);
    if (signed_(before->second.extreme) < signed_(price)) break;
    unlist(before);
    for (std::size_t i = 0; i < last->second.tops.size(); ++i)
      before->second.tops[i] = meld(before->second.tops[i], last->second.tops[i]);
    cohorts_.erase(last);
    last = before;
  }
  last->second.extreme = price;
  list(last);
}

// The youngest cohort that begins no later than the order.
TrailingStops::Cohorts::const_iterator TrailingStops::cohort_of(const OrderRecord& order) const {
  const auto next = cohorts_.upper_bound(order.trail->since);
  return next == cohorts_.begin() ? cohorts_.end() : std::prev(next);
}

void TrailingStops::add(OrderRecord& order, Price extreme) {
  const auto found = cohort_of(order);
  const bool joins = found != cohorts_.end() && found->second.extreme == extreme;
  const auto cohort = cohorts_.try_emplace(joins ? found->first : order.trail->since).first;
  unlist(cohort);
  cohort->second.extreme = extreme;
  OrderRecord*& top = cohort->second.tops[heap_of(order)];
  top = meld(top, &order);
  list(cohort);
}

bool TrailingStops::restore(OrderRecord& order) {
  const auto found = cohort_of(order);
  if (found == cohorts_.end()) return false;
  add(order, found->second.extreme);
  return true;
}

void TrailingStops::remove(OrderRecord& order) {
  const auto cohort = cohorts_.find(cohort_of(order)->first);
  unlist(cohort);
  OrderRecord*& top = cohort->second.tops[heap_of(order)];
  top = without(top, order);
  if (std::ranges::all_of(cohort->second.tops, [](const OrderRecord* each) { return each == nullptr; }))
    cohorts_.erase(cohort);
  else
    list(cohort);
}

void TrailingStops::unlist(Cohorts::iterator cohort) {
  if (std::exchange(cohort->second.is_listed, false)) by_stop_.erase({cohort->second.key, cohort->first});
}

void TrailingStops::list(Cohorts::iterator cohort) {
  int128 key = std::numeric_limits<int128>::max();
  for (const OrderRecord* top : cohort->second.tops)
    if (top != nullptr) key = std::min(key, key_of(*top, cohort->second.extreme));
  cohort->second.key = key;
  cohort->second.is_listed = true;
  by_stop_.emplace(key, cohort->first);
}

TrailingStops::Beginnings TrailingStops::beginnings() const {
  Beginnings all;
  for (const auto& [since, cohort] : cohorts_) all.emplace_hint(all.end(), since, cohort.extreme);
  return all;
}

bool TrailingStops::has(const OrderRecord& order) const {
  const auto cohort = cohort_of(order);
  if (cohort == cohorts_.end()) return false;
  const OrderRecord* const parent = order.trail->parent;
  if (parent == nullptr) return cohort->second.tops[heap_of(order)] == &order;
  const Trail& node = *parent->trail;
  return (node.left == &order || node.right == &order) && !is_before(order, *parent) && cohort_of(*parent) == cohort &&
         heap_of(*parent) == heap_of(order);
}

bool TrailingStops::has_empty_cohort() const {
  return std::ranges::any_of(cohorts_, [](const auto& each) { return !each.second.is_listed; });
}

}  // namespace alphaforge::execution
