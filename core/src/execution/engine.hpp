#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/frames.hpp"
#include "base/guarded.hpp"
#include "base/latency_meter.hpp"
#include "execution/checkpoint.hpp"
#include "execution/config.hpp"
#include "execution/counters.hpp"
#include "execution/validation.hpp"
#include "execution/venue.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::execution {

// A venue shared by threads: every call holds the engine's lock, except batches, which let other calls in between their
// parts.
class ExecutionEngine {
 public:
  using Value = Venue;

  explicit ExecutionEngine(const ExecutionConfig& config) : venue_(config) {}

  template <class Call>
  decltype(auto) with(Call&& call) {
    return venue_.with([&](Venue& venue) -> decltype(auto) {
      const PublishEvents publish{*this, venue};
      return call(venue);
    });
  }
  template <class Call>
  bool try_with(Call&& call) {
    return venue_.try_with([&](Venue& venue) {
      const PublishEvents publish{*this, venue};
      call(venue);
    });
  }

  // Calls call(venue, begin, end) for successive parts of the items [first, size), each with the lock held.
  template <class Call>
  void in_pieces(std::size_t first, std::size_t size, Call&& call) {
    for (std::size_t begin = first; begin < size; begin += kPiece)
      with([&](Venue& venue) { call(venue, begin, std::min(size, begin + kPiece)); });
  }
  // The ticks of a batch, from the row `first` on, in their order and in pieces; `is_judged` as in BatchProgress.
  BatchResult process(const TradeTickBatch& batch, std::size_t first, std::int64_t now_ns, bool is_judged = false) {
    BatchProgress progress(batch);
    progress.is_judged = is_judged;
    in_pieces(first, batch.size(), [&](Venue& venue, std::size_t begin, std::size_t end) {
      venue.process(batch, begin, end, progress, now_ns);
    });
    return std::move(progress.result);
  }

  // The results of Venue::validate() and state_hash(), computed in parts that let other calls in between; the hash is
  // of the state at the beginning.
  struct Check {
    std::vector<std::string> violations;
    std::uint64_t state_hash = 0;
  };
  // Handles `items` orders at a time. None if a checkpoint has begun meanwhile.
  std::optional<Check> check(int items) {
    Validation validation{.items_max = items};
    const CheckpointLimits limits{.piece_bytes = static_cast<std::size_t>(items) * kHashedBytes};
    while (!with([&](const Venue& venue) { return venue.validate(validation); })) continue;
    std::optional<bool> is_done = false;
    std::uint64_t hash = 0;
    const std::uint32_t number = with([&](Venue& venue) { return venue.begin_checkpoint(limits, true); });
    while (is_done == false)
      is_done = with([&](Venue& venue) {
        return venue.checkpoint().write(number, [&](const Checkpoint& checkpoint) { hash = checkpoint.state_hash(); });
      });
    if (!is_done) return std::nullopt;
    return Check{std::move(validation.violations), hash};
  }

  // The sequences of the oldest and the newest event kept, after the last call; without the lock.
  std::int64_t first_event_sequence() const { return first_event_.load(std::memory_order_acquire); }
  std::int64_t last_event_sequence() const { return last_event_.load(std::memory_order_acquire); }

  // Adds a measurement: the total time of `orders` submissions from receipt to acknowledgement.
  void took(std::int64_t orders, std::int64_t elapsed_ns) { latency_.add(orders, elapsed_ns); }
  ExecutionStatistics statistics() {
    ExecutionStatistics statistics = with([](const Venue& venue) { return venue.statistics(); });
    statistics.avg_execution_latency_ms = latency_.mean_ns() / 1e6;
    return statistics;
  }

 private:
  // Ticks or orders handled under one lock: about 500 us at worst.
  static constexpr std::size_t kPiece = 1024;

  // Publishes the event log's bounds before the venue is unlocked.
  struct PublishEvents {
    ExecutionEngine& engine;
    const Venue& venue;
    ~PublishEvents() {
      engine.first_event_.store(venue.first_event_sequence(), std::memory_order_release);
      engine.last_event_.store(venue.last_event_sequence(), std::memory_order_release);
    }
  };

  Guarded<Venue> venue_;
  LatencyMeter latency_;
  std::atomic<std::int64_t> first_event_ = 1;
  std::atomic<std::int64_t> last_event_ = 0;
};

}  // namespace alphaforge::execution
