#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge::cache {

// The secret of a cache's hashes; the caller draws it at random, so that nobody can choose colliding keys.
struct HashSeed {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

// SipHash-1-3, the keyed hash of Python's and Rust's tables, whose collisions can't be predicted without the seed.
std::uint64_t hash_of(std::string_view key, const HashSeed& seed);

}  // namespace alphaforge::cache
