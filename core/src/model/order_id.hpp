#pragma once

#include <cstdint>
#include <string>

namespace alphaforge {

// A unique order id: a UUID of version 7 in 32 hexadecimal digits, the millisecond of `now_ns` first, then 74 random
// bits. Thread-safe, and fork-safe: a forked child never repeats its parent's.
std::string make_order_id(std::int64_t now_ns);

}  // namespace alphaforge
