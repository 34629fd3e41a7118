#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/utf8.hpp"

namespace alphaforge {

// Writes an engine's state as bytes: numbers as zigzag varints of up to 128 bits, texts with their length.
class SnapshotWriter {
 public:
  void number(std::int64_t value) {
    put(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63), room(kNumberBytes));
  }
  void number(int128 value) {
    if (const auto narrow = static_cast<std::int64_t>(value); narrow == value) return number(narrow);
    put(static_cast<uint128>(value) << 1 ^ static_cast<uint128>(value >> 127), room(kWideBytes));
  }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    std::memcpy(room(value.size()), value.data(), value.size());
    size_ += value.size();
  }
  // An informative time, which a StateHash omits.
  void wall_clock(std::int64_t value) { number(value); }

  std::size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  void clear() { size_ = 0; }

 private:
  static constexpr std::size_t kNumberBytes = 10;
  static constexpr std::size_t kWideBytes = 19;

  template <class Unsigned>
  void put(Unsigned zigzag, char* out) {
    char* const begin = out;
    for (; zigzag >= 0x80; zigzag >>= 7) *out++ = static_cast<char>(static_cast<unsigned>(zigzag & 0x7f) | 0x80U);
    *out++ = static_cast<char>(zigzag);
    size_ += static_cast<std::size_t>(out - begin);
  }
  // Where the next `bytes` bytes go.
  char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) grow(bytes);
    return bytes_.get() + size_;
  }
  void grow(std::size_t bytes);

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Reads the output of SnapshotWriter, never outside the given bytes. Throws EngineError JOURNAL_DAMAGED.
class SnapshotReader {
 public:
  explicit SnapshotReader(std::string_view bytes) : rest_(bytes) {}

  int128 wide() {
    // Nearly all numbers are short.
    std::uint64_t low = 0;
    for (std::size_t i = 0; i < 9 && i < rest_.size(); ++i) {
      const auto byte = static_cast<unsigned char>(rest_[i]);
      low |= static_cast<std::uint64_t>(byte & 0x7fU) << 7 * i;
      if (byte >= 0x80) continue;
      rest_.remove_prefix(i + 1);
      return static_cast<std::int64_t>(low >> 1) ^ -static_cast<std::int64_t>(low & 1);
    }
    uint128 zigzag = 0;
    for (unsigned shift = 0; shift < 133; shift += 7) {
      if (rest_.empty()) damaged("it is incomplete");
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
    const std::string_view value = bytes();
    if (value.size() > bytes_max) damaged("a text is too long");
    if (!is_utf8(value)) damaged("a text is not UTF-8");
    return value;
  }
  std::string_view bytes() {
    const auto size = static_cast<std::size_t>(count());
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  // A counter. No engine reaches 2^62, so smaller values can be incremented safely.
  template <class Integer = std::int64_t>
  Integer counter() {
    const std::int64_t value = number();
    if (value < 0 || value > kCountMax) damaged("a counter is out of range");
    return static_cast<Integer>(value);
  }
  static constexpr std::int64_t kCountMax = std::int64_t{1} << 62;
  std::string_view rest() const { return rest_; }
  void expect_end() const {
    if (!rest_.empty()) damaged("data follow its end");
  }
  [[noreturn]] static void damaged(const char* how) {
    throw EngineError(Reason::JOURNAL_DAMAGED, std::string("the snapshot is damaged: ") + how);
  }

 private:
  std::string_view rest_;
};

// Throws EngineError JOURNAL_DAMAGED unless `holds`.
inline void demand(bool holds, const char* otherwise) {
  if (!holds) SnapshotReader::damaged(otherwise);
}

// A snapshot begins with its kind and version, and ends with a checksum.
std::string seal_snapshot(std::string_view magic, std::int64_t version, std::string_view state);
// The version of a snapshot; throws EngineError JOURNAL_DAMAGED if the bytes are not such a snapshot.
std::int64_t version_of_snapshot(std::string_view magic, std::string_view snapshot);
// The state; throws EngineError JOURNAL_DAMAGED if the bytes are not such a snapshot of that version.
std::string_view unseal_snapshot(std::string_view magic, std::int64_t version, std::string_view snapshot);

}  // namespace alphaforge
