#include "data/bar_history.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace alphaforge::data {

void BarSeries::push_back(const KeptBar& kept) {
  if (size_ == capacity_) grow();
  ++size_;
  (*this)[size_ - 1] = kept;
  note_order(kept);
}

std::size_t BarSeries::first_since(std::int64_t ts_open) const {
  std::size_t low = 0;
  std::size_t high = size_;
  while (low != high) {
    const std::size_t middle = low + (high - low) / 2;
    if ((*this)[middle].bar.ts_open < ts_open)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void BarSeries::restored() {
  for (std::size_t i = 0; i < size_; ++i) note_order((*this)[i]);
}

void BarSeries::grow() {
  if (capacity_ < kBlock) {
    const std::size_t larger = std::max<std::size_t>(capacity_ * 2, 8);
    auto block = std::make_unique<KeptBar[]>(larger);
    for (std::size_t i = 0; i < size_; ++i) block[i] = (*this)[i];
    blocks_.clear();
    blocks_.push_back(std::move(block));
    capacity_ = larger;
    first_ = 0;
    return;
  }
  // The newest bars lie before the oldest one in its block; they move to the new block, which comes before that one.
  const std::size_t of_first = first_ / kBlock;
  const std::size_t newest = first_ % kBlock;
  auto block = std::make_unique<KeptBar[]>(kBlock);
  std::copy_n(blocks_[of_first].get(), newest, block.get());
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(of_first), std::move(block));
  capacity_ += kBlock;
  first_ += kBlock;
}

void BarSeries::restore(std::int64_t last_sequence, std::size_t size) {
  sequence = last_sequence;
  size_ = size;
  if (size == 0) return;
  capacity_ = size > kBlock ? (size + kBlock - 1) / kBlock * kBlock : std::bit_ceil(std::max<std::size_t>(size, 8));
  for (std::size_t i = 0; i < capacity_; i += kBlock)
    blocks_.push_back(std::make_unique<KeptBar[]>(std::min(capacity_, kBlock)));
  front().bar.sequence = last_sequence - static_cast<std::int64_t>(size) + 1;
}

void BarSeries::pop_front() {
  if (++first_ == capacity_) first_ = 0;
  if (--size_ == 0) {
    blocks_ = decltype(blocks_)();
    capacity_ = first_ = 0;
    is_ordered_ = true;
    latest_open_ = std::numeric_limits<std::int64_t>::min();
  }
}

}  // namespace alphaforge::data
