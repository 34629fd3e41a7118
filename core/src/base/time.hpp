#pragma once

#include <cstdint>

namespace alphaforge {

// Times are nanoseconds since the Unix epoch, durations are nanoseconds.
inline constexpr std::int64_t kDayNs = 86'400'000'000'000;
// Never: later than every time.
inline constexpr std::int64_t kNever = INT64_MAX;
// No time yet: earlier than every time.
inline constexpr std::int64_t kNoTime = INT64_MIN;
// The last day of 64 bits is rejected, so that the end of every interval and the next midnight fit.
inline constexpr std::int64_t kTimeEnd = INT64_MAX - kDayNs + 1;

// Whether a tick or an order may have this time, and an engine may advance to it.
constexpr bool is_time(std::int64_t ns) { return ns >= 0 && ns < kTimeEnd; }

}  // namespace alphaforge
