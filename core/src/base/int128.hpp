#pragma once

namespace alphaforge {

// For quantities, values and their sums. Strict C++20 has no 128-bit integer, so this is the one use of the extension.
__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

}  // namespace alphaforge
