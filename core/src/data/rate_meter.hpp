#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace alphaforge::data {

// How many ticks a second came in over the last ten seconds, and how long they took. Times are those of a monotonic
// clock that the caller reads; only differences matter.
class RateMeter {
 public:
  void received(std::uint64_t ticks, std::int64_t now_ns);
  // May be called while others call anything: the engine's lock is given back before the time is known.
  void took(std::uint64_t ticks, std::int64_t elapsed_ns);

  double rate(std::int64_t now_ns) const;
  double latency_ns() const;
  void clear();

 private:
  static constexpr std::int64_t kBucketNs = 100'000'000;
  static constexpr std::int64_t kBuckets = 100;  // ten seconds

  struct Bucket {
    std::int64_t number = -1;  // of its tenth of a second since the clock's zero
    std::uint64_t ticks = 0;
  };
  std::array<Bucket, kBuckets> buckets_{};
  std::int64_t first_ns_ = -1;
  std::atomic<std::uint64_t> timed_ticks_ = 0;
  std::atomic<std::int64_t> elapsed_ns_ = 0;
};

}  // namespace alphaforge::data
