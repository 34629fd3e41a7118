#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/guarded.hpp"
#include "base/latency_meter.hpp"
#include "data/aggregator.hpp"
#include "data/config.hpp"
#include "data/counters.hpp"

namespace alphaforge::data {

// An aggregator shared by threads: every call holds the engine's lock.
class DataEngine {
 public:
  using Value = Aggregator;

  explicit DataEngine(const DataEngineConfig& config) : is_timed_(config.enable_statistics), aggregator_(config) {}

  template <class Call>
  decltype(auto) with(Call&& call) {
    return aggregator_.with(std::forward<Call>(call));
  }
  template <class Call>
  bool try_with(Call&& call) {
    return aggregator_.try_with(std::forward<Call>(call));
  }

  // Whether calls with ticks are to be timed, for took().
  bool is_timed() const { return is_timed_.load(std::memory_order_relaxed); }
  // Adds a measurement: the total time of `ticks` ticks.
  void took(std::uint64_t ticks, std::int64_t elapsed_ns) {
    latency_.add(static_cast<std::int64_t>(ticks), elapsed_ns);
  }

  void reconfigure(const DataEngineConfig& config) {
    with([&](Aggregator& aggregator) { aggregator.reconfigure(config); });
    is_timed_ = config.enable_statistics;
  }
  void reset() {
    with([](Aggregator& aggregator) { aggregator.reset(); });
    latency_.clear();
  }
  DataEngineStatistics statistics(std::int64_t now_ns) {
    DataEngineStatistics statistics = with([&](const Aggregator& aggregator) { return aggregator.statistics(now_ns); });
    statistics.avg_processing_latency_ns = latency_.mean_ns();
    return statistics;
  }

 private:
  std::atomic<bool> is_timed_;
  LatencyMeter latency_;
  Guarded<Aggregator> aggregator_;
};

}  // namespace alphaforge::data
