#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/utf8.hpp"

namespace alphaforge {

// Writes an engine's state as bytes: numbers as zigzag varints of up to 128 bits, texts with their length.
class SnapshotWriter {
 public:
  void number(std::int64_t value) { number(int128{value}); }
  void number(int128 value) {
    uint128 zigzag = static_cast<uint128>(value) << 1 ^ static_cast<uint128>(value >> 127);
    for (; zigzag >= 0x80; zigzag >>= 7) bytes_.push_back(static_cast<char>(static_cast<unsigned>(zigzag & 0x7f) | 0x80U));
    bytes_.push_back(static_cast<char>(zigzag));
  }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes_.append(value);
  }
  // A time that informs and decides nothing: a StateHash leaves it out.
  void wall_clock(std::int64_t value) { number(value); }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what SnapshotWriter wrote; never outside the given bytes. Throws EngineError JOURNAL_DAMAGED.
class SnapshotReader {
 public:
  explicit SnapshotReader(std::string_view bytes) : rest_(bytes) {}

  int128 wide() {
    uint128 zigzag = 0;
    for (unsigned shift = 0; shift < 133; shift += 7) {
      if (rest_.empty()) damaged("it ends early");
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      zigzag |= static_cast<uint128>(byte & 0x7fU) << shift;
      if (byte < 0x80) return static_cast<int128>(zigzag >> 1) ^ -static_cast<int128>(zigzag & 1);
    }
    damaged("a number is too long");
  }
  std::int64_t number() {
    const int128 value = wide();
    if (value > INT64_MAX || value < INT64_MIN) damaged("a number is out of range");
    return static_cast<std::int64_t>(value);
  }
  // A number of elements, each of which takes at least one byte.
  std::int64_t count() {
    const std::int64_t value = number();
    if (value < 0 || static_cast<std::uint64_t>(value) > rest_.size()) damaged("a count is out of range");
    return value;
  }
  bool flag() { return member<std::uint8_t>(0, 1) != 0; }
  // A member of an enumeration with the numbers `first` to `last`.
  template <class Enum>
  Enum member(int first, int last) {
    const std::int64_t value = number();
    if (value < first || value > last) damaged("an enumeration has no such member");
    return static_cast<Enum>(value);
  }
  std::string_view text(std::size_t bytes_max) {
    const auto size = static_cast<std::size_t>(count());
    if (size > bytes_max) damaged("a text is too long");
    const std::string_view value = rest_.substr(0, size);
    if (!is_utf8(value)) damaged("a text is not UTF-8");
    rest_.remove_prefix(size);
    return value;
  }
  std::string_view rest() const { return rest_; }
  void expect_end() const {
    if (!rest_.empty()) damaged("it goes on after its end");
  }
  [[noreturn]] static void damaged(const char* how) {
    throw EngineError(Reason::JOURNAL_DAMAGED, std::string("the snapshot is damaged: ") + how);
  }

 private:
  std::string_view rest_;
};

// A snapshot says what it is, and how the state in it is written, and ends with a checksum.
std::string seal_snapshot(std::string_view magic, std::int64_t version, std::string_view state);
// The state; throws EngineError JOURNAL_DAMAGED where the bytes are no such snapshot, or not of that version.
std::string_view unseal_snapshot(std::string_view magic, std::int64_t version, std::string_view snapshot);

}  // namespace alphaforge
