#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace alphaforge {

inline constexpr std::int64_t kTimeJumpMaxNs = 366 * kDayNs;
inline constexpr std::int64_t kTimeJumpNs = 300'000'000'000;

// The latest time allowed in an input received at `received_ns` (rule 1.8); a jump of 0 means no limit.
constexpr std::int64_t latest_time(std::int64_t received_ns, std::int64_t max_time_jump_ns) {
  std::int64_t latest = 0;
  if (max_time_jump_ns == 0 || __builtin_add_overflow(received_ns, max_time_jump_ns, &latest)) return kNever;
  return latest;
}

}  // namespace alphaforge
