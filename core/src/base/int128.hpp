#pragma once

namespace alphaforge {

// Quantities, values and every sum of them. Strict C++20 has no name for it, hence the extension keyword, once.
__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

}  // namespace alphaforge
