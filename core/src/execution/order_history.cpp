#include "execution/order_history.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>

#include "execution/order_record.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {
namespace {

constexpr std::int64_t kBlock = 64;
constexpr std::int64_t kStretch = kBlock * 64;

std::size_t block_of(std::int64_t number) { return static_cast<std::size_t>(number % kStretch / kBlock); }
std::size_t place_of(std::int64_t number) { return static_cast<std::size_t>(number % kBlock); }

// The order if it has one of these statuses; otherwise null.
OrderRecord* with_one(OrderRecord* order, std::span<const OrderStatus> statuses) {
  if (order == nullptr || statuses.empty()) return order;
  return std::ranges::find(statuses, order->status) != statuses.end() ? order : nullptr;
}

// The first order of a block, from a position on, with one of these statuses.
OrderRecord* first_of(const OrderBlock& block, std::size_t place, std::span<const OrderStatus> statuses) {
  for (; place != block.orders.size(); ++place)
    if (OrderRecord* order = with_one(block.orders[place], statuses)) return order;
  return nullptr;
}

// The last one up to a position.
OrderRecord* last_of(const OrderBlock& block, std::size_t place, std::span<const OrderStatus> statuses) {
  for (std::size_t end = place + 1; end != 0; --end)
    if (OrderRecord* order = with_one(block.orders[end - 1], statuses)) return order;
  return nullptr;
}

// The same of a stretch, from a number on.
OrderRecord* first_of(const OrderStretch& stretch, std::int64_t number, std::span<const OrderStatus> statuses) {
  const std::int64_t from = std::max(number, stretch.first);
  std::size_t place = place_of(from);
  for (std::size_t at = block_of(from); at != stretch.blocks.size(); ++at, place = 0) {
    const OrderBlock* block = stretch.blocks[at].get();
    if (block == nullptr || !block->counts.has(statuses)) continue;
    if (OrderRecord* order = first_of(*block, place, statuses)) return order;
  }
  return nullptr;
}

// The last one of a stretch up to a number.
OrderRecord* last_of(const OrderStretch& stretch, std::int64_t number, std::span<const OrderStatus> statuses) {
  const std::int64_t to = std::min(number, stretch.first + kStretch - 1);
  std::size_t place = place_of(to);
  for (std::size_t end = block_of(to) + 1; end != 0; --end, place = kBlock - 1) {
    const OrderBlock* block = stretch.blocks[end - 1].get();
    if (block == nullptr || !block->counts.has(statuses)) continue;
    if (OrderRecord* order = last_of(*block, place, statuses)) return order;
  }
  return nullptr;
}

}  // namespace

bool StatusCounts::has(std::span<const OrderStatus> statuses) const {
  if (statuses.empty()) return all != 0;
  return std::ranges::any_of(statuses, [&](OrderStatus status) { return of[static_cast<std::size_t>(status)] != 0; });
}

void OrderHistory::add(OrderRecord& order) {
  const std::int64_t first = order.number - order.number % kStretch;
  // Nearly always the last one.
  auto stretch = stretches_.empty() || stretches_.rbegin()->first != first ? stretches_.try_emplace(first).first
                                                                           : std::prev(stretches_.end());
  stretch->second.first = first;
  auto& block = stretch->second.blocks[block_of(order.number)];
  if (block == nullptr) {
    block = std::make_unique<OrderBlock>();
    block->stretch = &stretch->second;
    ++blocks_;
  }
  block->orders[place_of(order.number)] = &order;
  block->counts.add(order.status);
  block->stretch->counts.add(order.status);
  ++totals_[static_cast<std::size_t>(order.status)];
  ++size_;
  order.block = block.get();
}

void OrderHistory::remove(const OrderRecord& order) {
  OrderBlock& block = *order.block;
  OrderStretch& stretch = *block.stretch;
  block.orders[place_of(order.number)] = nullptr;
  block.counts.remove(order.status);
  stretch.counts.remove(order.status);
  --totals_[static_cast<std::size_t>(order.status)];
  --size_;
  if (block.counts.all == 0) {
    stretch.blocks[block_of(order.number)].reset();
    --blocks_;
  }
  if (stretch.counts.all == 0) stretches_.erase(stretch.first);
}

void OrderHistory::set_status(OrderRecord& order, OrderStatus status) {
  for (StatusCounts* counts : {&order.block->counts, &order.block->stretch->counts}) {
    counts->remove(order.status);
    counts->add(status);
  }
  --totals_[static_cast<std::size_t>(order.status)];
  ++totals_[static_cast<std::size_t>(status)];
  order.status = status;
}

OrderRecord* OrderHistory::find(std::int64_t number) const {
  if (number <= 0) return nullptr;
  const auto stretch = stretches_.find(number - number % kStretch);
  const OrderBlock* block = stretch == stretches_.end() ? nullptr : stretch->second.blocks[block_of(number)].get();
  return block == nullptr ? nullptr : block->orders[place_of(number)];
}

OrderRecord* OrderHistory::next(std::int64_t number, std::span<const OrderStatus> statuses) const {
  const std::int64_t from = number + 1;
  for (auto stretch = stretches_.lower_bound(from - from % kStretch); stretch != stretches_.end(); ++stretch) {
    if (!stretch->second.counts.has(statuses)) continue;
    if (OrderRecord* order = first_of(stretch->second, from, statuses)) return order;
  }
  return nullptr;
}

OrderRecord* OrderHistory::previous(std::int64_t number, std::span<const OrderStatus> statuses) const {
  const std::int64_t to = number - 1;
  for (auto stretch = stretches_.upper_bound(to); stretch != stretches_.begin();) {
    --stretch;
    if (!stretch->second.counts.has(statuses)) continue;
    if (OrderRecord* order = last_of(stretch->second, to, statuses)) return order;
  }
  return nullptr;
}

std::int64_t OrderHistory::count(std::span<const OrderStatus> statuses) const {
  if (statuses.empty()) return size_;
  std::int64_t count = 0;
  for (std::size_t status = 0; status != totals_.size(); ++status)
    if (std::ranges::find(statuses, static_cast<OrderStatus>(status)) != statuses.end()) count += totals_[status];
  return count;
}

std::optional<bool> OrderHistory::counts_agree(std::int64_t& first) const {
  const auto found = stretches_.upper_bound(first);
  if (found == stretches_.end()) return std::nullopt;
  first = found->first;
  StatusCounts all;
  bool agree = true;
  for (const auto& block : found->second.blocks) {
    if (block == nullptr) continue;
    StatusCounts counts;
    for (const OrderRecord* order : block->orders) {
      if (order == nullptr) continue;
      counts.add(order->status);
      all.add(order->status);
    }
    agree = agree && counts == block->counts;
  }
  return agree && all == found->second.counts;
}

bool OrderHistory::totals_agree() const {
  std::array<std::int64_t, 7> totals{};
  std::int64_t size = 0;
  for (const auto& [first, stretch] : stretches_) {
    size += stretch.counts.all;
    for (std::size_t status = 0; status != totals.size(); ++status) totals[status] += stretch.counts.of[status];
  }
  return totals == totals_ && size == size_;
}

}  // namespace alphaforge::execution
