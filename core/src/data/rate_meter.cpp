#include "data/rate_meter.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace alphaforge::data {

void RateMeter::received(std::uint64_t ticks, std::int64_t now_ns) {
  if (first_ns_ < 0) first_ns_ = now_ns;
  const std::int64_t number = now_ns / kBucketNs;
  Bucket& bucket = buckets_[static_cast<std::size_t>(number % kBuckets)];
  if (bucket.number != number) bucket = {number, 0};
  bucket.ticks += ticks;
}

double RateMeter::rate(std::int64_t now_ns) const {
  if (first_ns_ < 0) return 0;
  const std::int64_t oldest = now_ns / kBucketNs - kBuckets;
  std::uint64_t ticks = 0;
  for (const Bucket& bucket : buckets_)
    if (bucket.number > oldest) ticks += bucket.ticks;
  // An engine younger than ten seconds is measured over its age, with a minimum.
  const std::int64_t span = std::clamp(now_ns - first_ns_, kBucketNs, kBucketNs * kBuckets);
  return static_cast<double>(ticks) * 1e9 / static_cast<double>(span);
}

void RateMeter::clear() {
  buckets_.fill(Bucket());
  first_ns_ = -1;
}

}  // namespace alphaforge::data
