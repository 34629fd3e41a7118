#pragma once

#include <array>
#include <cstdint>

namespace alphaforge::data {

// The ticks per second over the last ten seconds. The caller reads the times from a monotonic clock; only differences
// matter.
class RateMeter {
 public:
  void received(std::uint64_t ticks, std::int64_t now_ns);
  double rate(std::int64_t now_ns) const;
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
};

}  // namespace alphaforge::data
