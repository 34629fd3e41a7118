#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/numbers.hpp"

namespace alphaforge {

// A 64-bit fingerprint of (trade_id, ts_event, price, quantity). The same in every process, because checkpoints contain
// fingerprints.
std::uint64_t fingerprint_of(std::string_view trade_id, std::int64_t ts_event, Price price, Quantity quantity);

// The fingerprints of an instrument's last ticks that had an id: a ring in order of arrival, and a hash table of its
// entries with linear probing. Both grow as they fill. Never holds the same fingerprint twice.
class DuplicateWindow {
 public:
  bool contains(std::uint64_t fingerprint) const;
  void push(std::uint64_t fingerprint);
  void pop_oldest();

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return (ring_.size() + table_.size()) * sizeof(std::uint64_t); }
  // The number of fingerprints removed so far.
  std::uint64_t popped() const { return popped_; }
  // The fingerprints that a checkpoint has still to write, [next, end), out of those from `begin` on; positions count
  // from the first one ever pushed.
  struct Pending {
    std::uint64_t next = 0;
    std::uint64_t end = 0;
    std::uint64_t begin = 0;
  };
  Pending pending;
  // The i-th oldest.
  std::uint64_t operator[](std::size_t i) const { return ring_[(first_ + i) & (ring_.size() - 1)]; }

 private:
  static constexpr std::uint64_t kFree = 0;  // never returned by fingerprint_of
  std::size_t home_of(std::uint64_t fingerprint) const { return fingerprint & (table_.size() - 1); }
  void insert(std::uint64_t fingerprint);
  void grow();

  std::vector<std::uint64_t> ring_;   // its size is a power of two, or 0
  std::vector<std::uint64_t> table_;  // twice the ring
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::uint64_t popped_ = 0;
};

}  // namespace alphaforge
