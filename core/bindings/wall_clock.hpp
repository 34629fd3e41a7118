#pragma once

#include <chrono>
#include <cstdint>

namespace alphaforge::bindings {

// Nanoseconds since the Unix epoch.
inline std::int64_t wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace alphaforge::bindings
