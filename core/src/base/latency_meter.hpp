#pragma once

#include <atomic>
#include <cstdint>

namespace alphaforge {

// How long items took on average. Safe to use from many threads.
class LatencyMeter {
 public:
  // `items` took `elapsed_ns` altogether.
  void add(std::int64_t items, std::int64_t elapsed_ns) {
    items_.fetch_add(items, std::memory_order_relaxed);
    elapsed_ns_.fetch_add(elapsed_ns, std::memory_order_relaxed);
  }
  // 0 before the first item.
  double mean_ns() const {
    const auto items = static_cast<double>(items_.load(std::memory_order_relaxed));
    return items == 0 ? 0 : static_cast<double>(elapsed_ns_.load(std::memory_order_relaxed)) / items;
  }
  void clear() { items_ = elapsed_ns_ = 0; }

 private:
  std::atomic<std::int64_t> items_ = 0;
  std::atomic<std::int64_t> elapsed_ns_ = 0;
};

}  // namespace alphaforge
