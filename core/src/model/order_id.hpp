#pragma once

#include <cstdint>
#include <string>

namespace alphaforge {

// An order id that nobody else makes: a UUID of version 7 in 32 hexadecimal digits, the millisecond of `now_ns` first, then
// 74 random bits. Safe in many threads, and in a forked child, which never repeats its parent's.
std::string make_order_id(std::int64_t now_ns);

}  // namespace alphaforge
