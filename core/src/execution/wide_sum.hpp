#pragma once

#include <cstdint>
#include <limits>

#include "base/int128.hpp"

namespace alphaforge::execution {

// An exact sum of amounts of either sign, whatever their order; on the way it may be beyond 128 bits.
class WideSum {
 public:
  WideSum& operator+=(int128 amount) {
    const auto bits = static_cast<uint128>(amount);
    low_ += bits;
    high_ += std::int64_t{low_ < bits} - std::int64_t{amount < 0};
    return *this;
  }
  WideSum& operator-=(int128 amount) { return *this += -amount; }
  WideSum& operator+=(const WideSum& other) {
    low_ += other.low_;
    high_ += other.high_ + std::int64_t{low_ < other.low_};
    return *this;
  }
  bool operator==(const WideSum&) const = default;

  // The amount, or the greatest one of its sign if the sum is beyond it.
  int128 amount() const {
    constexpr int128 kMost = std::numeric_limits<int128>::max();
    if (high_ > 0 || (high_ == 0 && low_ > static_cast<uint128>(kMost))) return kMost;
    if (high_ < -1 || (high_ == -1 && low_ < static_cast<uint128>(-kMost))) return -kMost;
    return static_cast<int128>(low_);
  }

 private:
  std::int64_t high_ = 0;
  uint128 low_ = 0;
};

}  // namespace alphaforge::execution
