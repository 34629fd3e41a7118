#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "execution/order_record.hpp"

namespace alphaforge::execution {

// Orders by id: open addressing with linear probing. A slot keeps the hash, so that a probe touches a record only when
// it has very probably found it.
class OrderIndex {
 public:
  OrderIndex() : slots_(kSlotsAtFirst) {}

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }
  OrderRecord* find(std::string_view id) const {
    const std::uint64_t hash = hash_of(id);
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (slot.order == nullptr) return nullptr;
      if (slot.hash == hash && slot.order->id.view() == id) return slot.order;
    }
  }
  // A search for `id` follows soon: its slot is fetched meanwhile.
  void prefetch(std::string_view id) const { __builtin_prefetch(&slots_[hash_of(id) & mask()]); }
  // The id must not be there yet.
  void insert(OrderRecord* order) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    place({hash_of(order->id.view()), order});
    ++size_;
  }
  // The order must be there.
  void erase(const OrderRecord* order) {
    std::size_t hole = hash_of(order->id.view()) & mask();
    while (slots_[hole].order != order) hole = (hole + 1) & mask();
    // Entries that probed past the hole move into it, so that no search ends early.
    for (std::size_t i = (hole + 1) & mask(); slots_[i].order != nullptr; i = (i + 1) & mask()) {
      const std::size_t home = slots_[i].hash & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
    --size_;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    OrderRecord* order = nullptr;
  };
  static constexpr std::size_t kSlotsAtFirst = 1024;

  static std::uint64_t hash_of(std::string_view id) { return std::hash<std::string_view>{}(id); }
  std::size_t mask() const { return slots_.size() - 1; }
  void place(Slot entry) {
    std::size_t i = entry.hash & mask();
    while (slots_[i].order != nullptr) i = (i + 1) & mask();
    slots_[i] = entry;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.order != nullptr) place(slot);
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace alphaforge::execution
