#include "data/rate_meter.hpp"

#include <algorithm>

namespace alphaforge::data {

void RateMeter::received(std::uint64_t ticks, std::int64_t now_ns) {
  if (first_ns_ < 0) first_ns_ = now_ns;
  const std::int64_t number = now_ns / kBucketNs;
  Bucket& bucket = buckets_[static_cast<std::size_t>(number % kBuckets)];
  if (bucket.number != number) bucket = {number, 0};
  bucket.ticks += ticks;
}

void RateMeter::took(std::uint64_t ticks, std::int64_t elapsed_ns) {
  timed_ticks_.fetch_add(ticks, std::memory_order_relaxed);
  elapsed_ns_.fetch_add(elapsed_ns, std::memory_order_relaxed);
}

double RateMeter::rate(std::int64_t now_ns) const {
  if (first_ns_ < 0) return 0;
  const std::int64_t oldest = now_ns / kBucketNs - kBuckets;
  std::uint64_t ticks = 0;
  for (const Bucket& bucket : buckets_)
    if (bucket.number > oldest) ticks += bucket.ticks;
  // An engine younger than ten seconds is measured over its age, but not over next to nothing.
  const std::int64_t span = std::clamp(now_ns - first_ns_, kBucketNs, kBucketNs * kBuckets);
  return static_cast<double>(ticks) * 1e9 / static_cast<double>(span);
}

double RateMeter::latency_ns() const {
  const std::uint64_t ticks = timed_ticks_.load(std::memory_order_relaxed);
  return ticks == 0 ? 0 : static_cast<double>(elapsed_ns_.load(std::memory_order_relaxed)) / static_cast<double>(ticks);
}

void RateMeter::clear() {
  buckets_.fill(Bucket());
  first_ns_ = -1;
  timed_ticks_ = 0;
  elapsed_ns_ = 0;
}

}  // namespace alphaforge::data
