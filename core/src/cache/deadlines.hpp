#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cache/slots.hpp"

namespace alphaforge::cache {

// The entries that will expire, as a heap with the earliest at its root; an entry knows its position, so that it can be
// moved and removed.
//
// A heap instead of a timer wheel, because eviction must know exactly whether anything has expired, at a bounded cost.
// With four children per node, a new deadline is mostly later than all others and stays in place, and a refreshed one
// sinks from near the leaves, so both cost about one step; only removing the root walks the height, ten steps for a
// million entries.
class Deadlines {
 public:
  explicit Deadlines(Slots& slots) : slots_(&slots) {}
  ~Deadlines() { std::free(items_); }
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  bool empty() const { return size_ == 0; }
  std::int64_t earliest_ns() const { return items_[0].at_ns; }
  std::uint32_t earliest_slot() const { return items_[0].slot; }

  // Reserves space for one more deadline. If it throws std::bad_alloc, nothing has changed.
  void reserve_one();
  // Sets, moves or (kNever) removes the deadline of a slot, in its entry too. A new one needs reserve_one() first.
  void set(std::uint32_t slot, std::int64_t at_ns);

  std::size_t memory_bytes() const { return capacity_ * sizeof(Item); }

 private:
  struct Item {
    std::int64_t at_ns;
    std::uint32_t slot;
  };

  void place(std::size_t position, const Item& item);
  void rise(std::size_t position, const Item& item);
  void sink(std::size_t position, const Item& item);
  void sift(std::size_t position, const Item& item);
  void remove(std::size_t position);
  bool resize(std::size_t capacity);

  Slots* slots_;
  // From malloc: realloc moves the pages of a large array instead of copying them.
  Item* items_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace alphaforge::cache
