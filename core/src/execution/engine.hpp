#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "execution/venue.hpp"

namespace alphaforge::execution {

// A venue that many threads may use: every call is one step under the engine's lock.
class ExecutionEngine {
 public:
  explicit ExecutionEngine(const ExecutionConfig& config) : venue_(config) {}

  // Runs `work(venue)` alone and returns what it returns.
  template <class Work>
  auto alone(Work&& work) {
    const std::lock_guard lock(mutex_);
    return std::forward<Work>(work)(venue_);
  }
  // The same under a lock that the caller has got from try_lock().
  template <class Work>
  auto locked(const std::unique_lock<std::mutex>&, Work&& work) {
    return std::forward<Work>(work)(venue_);
  }
  std::unique_lock<std::mutex> try_lock() { return {mutex_, std::try_to_lock}; }

  // `orders` submissions took so long altogether from receipt to acknowledgement.
  void took(std::int64_t orders, std::int64_t elapsed_ns) {
    acknowledged_.fetch_add(orders, std::memory_order_relaxed);
    latency_ns_.fetch_add(elapsed_ns, std::memory_order_relaxed);
  }
  ExecutionStatistics statistics() {
    ExecutionStatistics statistics = alone([](const Venue& venue) { return venue.statistics(); });
    const std::int64_t orders = acknowledged_.load(std::memory_order_relaxed);
    const auto latency_ms = static_cast<double>(latency_ns_.load(std::memory_order_relaxed)) / 1e6;
    if (orders > 0) statistics.avg_execution_latency_ms = latency_ms / static_cast<double>(orders);
    return statistics;
  }

 private:
  std::mutex mutex_;
  Venue venue_;
  std::atomic<std::int64_t> acknowledged_{0};
  std::atomic<std::int64_t> latency_ns_{0};
};

}  // namespace alphaforge::execution
