#include "data/bar_history.hpp"

#include <utility>

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

void BarSeries::pop_front() {
  first_ = (first_ + 1) & (ring_.size() - 1);
  if (--size_ == 0) {
    ring_ = {};
    first_ = 0;
  }
}

}  // namespace alphaforge::data
