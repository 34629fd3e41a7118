#include "model/duplicate_window.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/int128.hpp"
#include "model/numbers.hpp"

namespace alphaforge {
namespace {

// Multiplies to 128 bits and folds: every bit of the result depends on every bit of both.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kSeed = 0x9e3779b97f4a7c15;
constexpr std::uint64_t kStep = 0xd6e8feb86659fd93;

}  // namespace

std::uint64_t fingerprint_of(std::string_view trade_id, std::int64_t ts_event, Price price, Quantity quantity) {
  std::uint64_t hash =
      fold(kSeed ^ static_cast<std::uint64_t>(ts_event), kStep ^ static_cast<std::uint64_t>(price.mantissa));
  const int128 units = quantity.mantissa;
  hash = fold(hash ^ static_cast<std::uint64_t>(units), kStep ^ static_cast<std::uint64_t>(units >> 64));
  hash ^= trade_id.size();
  while (trade_id.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, trade_id.data(), 8);
    hash = fold(hash ^ word, kStep);
    trade_id.remove_prefix(8);
  }
  std::uint64_t word = 0;
  std::memcpy(&word, trade_id.data(), trade_id.size());
  hash = fold(hash ^ word, kSeed);
  return hash == 0 ? 1 : hash;
}

bool DuplicateWindow::contains(std::uint64_t fingerprint) const {
  if (size_ == 0) return false;
  for (std::size_t at = home_of(fingerprint); table_[at] != kFree; at = (at + 1) & (table_.size() - 1))
    if (table_[at] == fingerprint) return true;
  return false;
}

void DuplicateWindow::push(std::uint64_t fingerprint) {
  if (size_ == ring_.size()) grow();
  ring_[(first_ + size_) & (ring_.size() - 1)] = fingerprint;
  ++size_;
  insert(fingerprint);
}

void DuplicateWindow::pop_oldest() {
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = home_of(ring_[first_]);
  while (table_[hole] != ring_[first_]) hole = (hole + 1) & mask;
  // Entries after the hole move into it, unless that would put them before their home, so no tombstones are needed.
  for (std::size_t at = (hole + 1) & mask; table_[at] != kFree; at = (at + 1) & mask) {
    if (((at - home_of(table_[at])) & mask) >= ((at - hole) & mask)) {
      table_[hole] = table_[at];
      hole = at;
    }
  }
  table_[hole] = kFree;
  first_ = (first_ + 1) & (ring_.size() - 1);
  ++popped_;
  if (--size_ != 0) return;
  ring_ = table_ = {};
  first_ = 0;
}

void DuplicateWindow::insert(std::uint64_t fingerprint) {
  std::size_t at = home_of(fingerprint);
  while (table_[at] != kFree) at = (at + 1) & (table_.size() - 1);
  table_[at] = fingerprint;
}

void DuplicateWindow::grow() {
  std::vector<std::uint64_t> larger(ring_.empty() ? 16 : ring_.size() * 2);
  for (std::size_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
  ring_ = std::move(larger);
  first_ = 0;
  table_.assign(ring_.size() * 2, kFree);
  for (std::size_t i = 0; i < size_; ++i) insert(ring_[i]);
}

}  // namespace alphaforge
