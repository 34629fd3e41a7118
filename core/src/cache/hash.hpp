#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge::cache {

// The secret that a cache's hashes depend on; the caller draws it at random, so that nobody can choose keys that
// collide.
struct HashSeed {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

// SipHash-1-3: the keyed hash that Python and Rust use for their tables, because without the seed its collisions can't
// be foreseen.
std::uint64_t hash_of(std::string_view key, const HashSeed& seed);

}  // namespace alphaforge::cache
