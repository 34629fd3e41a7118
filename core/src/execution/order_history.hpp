#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "execution/order_record.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

// Counts of orders by status.
struct StatusCounts {
  std::array<std::uint16_t, 7> of{};  // by the number of the status
  std::uint16_t all = 0;

  void add(OrderStatus status) { ++of[static_cast<std::size_t>(status)], ++all; }
  void remove(OrderStatus status) { --of[static_cast<std::size_t>(status)], --all; }
  bool operator==(const StatusCounts&) const = default;
  // Whether any order has one of these statuses; none stands for all.
  bool has(std::span<const OrderStatus> statuses) const;
};

struct OrderStretch;

// The orders of 64 consecutive numbers.
struct OrderBlock {
  std::array<OrderRecord*, 64> orders{};
  StatusCounts counts;
  OrderStretch* stretch = nullptr;
};

// The orders of 4096 consecutive numbers.
struct OrderStretch {
  std::array<std::unique_ptr<OrderBlock>, 64> blocks;
  StatusCounts counts;
  std::int64_t first = 0;  // their first number
};

// All remembered orders by number, which is the order of submission. A search by status skips stretches and blocks that
// have none.
class OrderHistory {
 public:
  void add(OrderRecord& order);
  void remove(const OrderRecord& order);
  void set_status(OrderRecord& order, OrderStatus status);

  OrderRecord* find(std::int64_t number) const;
  // The first order after a number; null if there is none.
  OrderRecord* next(std::int64_t number) const { return next(number, {}); }
  // The same among orders with one of these statuses; none stands for all.
  OrderRecord* next(std::int64_t number, std::span<const OrderStatus> statuses) const;
  // The last order before a number with one of these statuses.
  OrderRecord* previous(std::int64_t number, std::span<const OrderStatus> statuses) const;
  std::int64_t size() const { return size_; }
  // The number of orders with one of these statuses.
  std::int64_t count(std::span<const OrderStatus> statuses) const;
  // Moves `first` to the stretch after the one that begins with it and returns whether its counts agree with its
  // orders; none after the last one. `first` is negative at the beginning.
  std::optional<bool> counts_agree(std::int64_t& first) const;
  // Whether the counts of all orders agree with those of the stretches.
  bool totals_agree() const;
  std::size_t bytes() const { return stretches_.size() * sizeof(OrderStretch) + blocks_ * sizeof(OrderBlock); }

 private:
  std::map<std::int64_t, OrderStretch> stretches_;  // by their first number
  std::array<std::int64_t, 7> totals_{};
  std::int64_t size_ = 0;
  std::size_t blocks_ = 0;
};

}  // namespace alphaforge::execution
