#include "cache/deadlines.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/time.hpp"
#include "cache/slots.hpp"

namespace alphaforge::cache {

namespace {

constexpr std::size_t kChildren = 4;
constexpr std::size_t kCapacityMin = 64;

}  // namespace

bool Deadlines::resize(std::size_t capacity) {
  void* items = std::realloc(items_, capacity * sizeof(Item));
  if (items == nullptr) return false;
  items_ = static_cast<Item*>(items);
  capacity_ = capacity;
  return true;
}

void Deadlines::reserve_one() {
  if (size_ == capacity_ && !resize(capacity_ == 0 ? kCapacityMin : capacity_ * 2)) throw std::bad_alloc();
}

void Deadlines::set(std::uint32_t slot, std::int64_t at_ns) {
  Entry& entry = (*slots_)[slot];
  entry.expires_at_ns = at_ns;
  const std::uint32_t position = entry.deadline_position;
  if (at_ns == kNever) {
    if (position != kNoDeadline) remove(position);
    entry.deadline_position = kNoDeadline;
  } else if (position != kNoDeadline) {
    sift(position, {at_ns, slot});
  } else {
    rise(size_++, {at_ns, slot});
  }
}

void Deadlines::remove(std::size_t position) {
  const Item last = items_[--size_];
  if (position != size_) sift(position, last);
  if (capacity_ > kCapacityMin && size_ < capacity_ / 4) resize(capacity_ / 2);
}

void Deadlines::place(std::size_t position, const Item& item) {
  items_[position] = item;
  (*slots_)[item.slot].deadline_position = static_cast<std::uint32_t>(position);
}

void Deadlines::sift(std::size_t position, const Item& item) {
  if (position != 0 && item.at_ns < items_[(position - 1) / kChildren].at_ns)
    rise(position, item);
  else
    sink(position, item);
}

void Deadlines::rise(std::size_t position, const Item& item) {
  while (position != 0) {
    const std::size_t parent = (position - 1) / kChildren;
    if (items_[parent].at_ns <= item.at_ns) break;
    place(position, items_[parent]);
    position = parent;
  }
  place(position, item);
}

void Deadlines::sink(std::size_t position, const Item& item) {
  for (;;) {
    const std::size_t first = position * kChildren + 1;
    if (first >= size_) break;
    const std::size_t end = first + kChildren < size_ ? first + kChildren : size_;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child)
      if (items_[child].at_ns < items_[least].at_ns) least = child;
    if (item.at_ns <= items_[least].at_ns) break;
    place(position, items_[least]);
    position = least;
  }
  place(position, item);
}

}  // namespace alphaforge::cache
