#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/reason.hpp"

namespace alphaforge::wire {

inline constexpr std::size_t kKeyBytesMax = 1024;

// Throws KEY_INVALID unless a cache's key has 1 to 1,024 bytes.
inline void check_key_size(std::string_view key) {
  if (key.empty()) throw InvalidArgument(Reason::KEY_INVALID, "the key is empty; it must have 1 to 1,024 bytes");
  if (key.size() > kKeyBytesMax)
    throw InvalidArgument(Reason::KEY_INVALID, "the key has " + std::to_string(key.size()) + " bytes; at most 1,024");
}

}  // namespace alphaforge::wire
