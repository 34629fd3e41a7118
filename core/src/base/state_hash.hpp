#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/int128.hpp"

namespace alphaforge {

// Hashes an engine's state, or a part of it, in one canonical order, to 64 bits. Wall clock times are omitted:
// they don't affect behavior.
class StateHash {
 public:
  void number(std::int64_t value) { mix(static_cast<std::uint64_t>(value)); }
  void number(int128 value) {
    mix(static_cast<std::uint64_t>(value));
    mix(static_cast<std::uint64_t>(value >> 64));
  }
  void text(std::string_view value) {
    mix(value.size());
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      word = word << 8 | static_cast<unsigned char>(value[i]);
      if (i % 8 == 7) mix(std::exchange(word, 0));
    }
    mix(word);
  }
  void wall_clock(std::int64_t) {}

  std::uint64_t value() const { return hash_; }

 private:
  // Multiplies to 128 bits and folds: every bit of the result depends on every bit of the hash and of `word`.
  void mix(std::uint64_t word) {
    const uint128 product = static_cast<uint128>(hash_ ^ word) * 0x9e3779b97f4a7c15ULL;
    hash_ = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ 0xd6e8feb86659fd93ULL;
  }

  std::uint64_t hash_ = 0x243f6a8885a308d3ULL;
};

// Whether a state is hashed rather than written.
template <class Sink>
inline constexpr bool kIsHash = std::is_same_v<Sink, StateHash>;

// Sums the hashes of a state's parts, so their order doesn't matter. Each part's hash includes its kind.
class StateSum {
 public:
  // Adds a part of that kind; `describe(sink)` writes its values to `sink`.
  template <class Kind, class Describe>
  void add(Kind kind, Describe describe) {
    StateHash hash;
    hash.number(static_cast<std::int64_t>(kind));
    describe(hash);
    sum_ += hash.value();
  }
  std::uint64_t value() const { return sum_; }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace alphaforge
