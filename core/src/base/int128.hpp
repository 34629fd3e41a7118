#pragma once

#include <limits>

namespace alphaforge {

// For quantities, values and their sums. Strict C++20 has no 128-bit integer, so this is the one use of the extension.
__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

// Sums, differences and products of amounts; false where they do not fit. Neither does the least number: it has no
// opposite.
[[nodiscard]] inline bool checked_add(int128 one, int128 other, int128& sum) {
  return !__builtin_add_overflow(one, other, &sum) && sum != std::numeric_limits<int128>::min();
}
[[nodiscard]] inline bool checked_subtract(int128 one, int128 other, int128& difference) {
  return !__builtin_sub_overflow(one, other, &difference) && difference != std::numeric_limits<int128>::min();
}
[[nodiscard]] inline bool checked_multiply(int128 one, int128 other, int128& product) {
  return !__builtin_mul_overflow(one, other, &product) && product != std::numeric_limits<int128>::min();
}

}  // namespace alphaforge
