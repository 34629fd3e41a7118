#include "data/bar_history.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace alphaforge::data {

void BarSeries::push_back(const KeptBar& kept) {
  if (size_ == ring_.size()) {
    std::vector<KeptBar> larger(ring_.empty() ? 8 : ring_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
    ring_ = std::move(larger);
    first_ = 0;
  }
  ++size_;
  (*this)[size_ - 1] = kept;
}

void BarSeries::restore(std::int64_t last_sequence, std::size_t size) {
  sequence = last_sequence;
  size_ = size;
  if (size == 0) return;
  ring_.resize(std::bit_ceil(std::max<std::size_t>(size, 8)));
  ring_[0].bar.sequence = last_sequence - static_cast<std::int64_t>(size) + 1;
}

void BarSeries::pop_front() {
  first_ = (first_ + 1) & (ring_.size() - 1);
  if (--size_ == 0) {
    ring_ = {};
    first_ = 0;
  }
}

}  // namespace alphaforge::data
