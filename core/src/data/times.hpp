#pragma once

#include <cstdint>
#include <limits>

namespace alphaforge::data {

inline constexpr std::int64_t kDayNs = 86'400'000'000'000;
// The last day of 64 bits is refused, so that the end of every interval is a time.
inline constexpr std::int64_t kTimeEnd = std::numeric_limits<std::int64_t>::max() - kDayNs + 1;

// Whether a tick may have this ts_event, and advance_time() this time.
inline bool is_time(std::int64_t ts) { return ts >= 0 && ts < kTimeEnd; }

}  // namespace alphaforge::data
