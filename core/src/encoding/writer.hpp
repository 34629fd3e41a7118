#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "encoding/reader.hpp"

namespace alphaforge::wire {

// Bytes that the varint of a value takes.
constexpr std::size_t varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

// Appends the fields of protobuf messages to a string. It also writes defaults; omitting them is the caller's choice.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void varint(std::uint64_t value) {
    char buffer[10];
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) buffer[size++] = static_cast<char>(value | 0x80);
    buffer[size++] = static_cast<char>(value);
    out_.append(buffer, size);
  }
  void tag(std::uint32_t field, WireType type) { varint(std::uint64_t{field} << 3 | static_cast<std::uint64_t>(type)); }

  // Any varint field: int64 (cast it), uint64, bool, enum.
  void uint(std::uint32_t field, std::uint64_t value) {
    tag(field, WireType::kVarint);
    varint(value);
  }
  void sint(std::uint32_t field, std::int64_t value) { uint(field, zigzag(value)); }
  void bytes(std::uint32_t field, std::string_view value) {
    tag(field, WireType::kBytes);
    varint(value.size());
    out_.append(value);
  }
  // A fixed32, fixed64, sfixed64, float or double field.
  template <class T>
  void fixed(std::uint32_t field, T value) {
    static_assert(sizeof(T) == 8 || sizeof(T) == 4);
    tag(field, sizeof(T) == 8 ? WireType::kFixed64 : WireType::kFixed32);
    append_raw(&value, sizeof(T));
  }
  // A packed column of fixed-width numbers; nothing when it is empty.
  template <class T>
  void packed_fixed(std::uint32_t field, std::span<const T> column) {
    if (column.empty()) return;
    tag(field, WireType::kBytes);
    varint(column.size_bytes());
    append_raw(column.data(), column.size_bytes());
  }
  // A packed column of varints; nothing when it is empty.
  template <class T>
  void packed_varint(std::uint32_t field, std::span<const T> column) {
    if (column.empty()) return;
    std::size_t size = 0;
    for (const T value : column) size += varint_size(static_cast<std::uint64_t>(value));
    tag(field, WireType::kBytes);
    varint(size);
    for (const T value : column) varint(static_cast<std::uint64_t>(value));
  }

  // A nested message: fields written between begin() and end() belong to it.
  std::size_t begin(std::uint32_t field) {
    tag(field, WireType::kBytes);
    out_.push_back('\0');
    return out_.size();
  }
  void end(std::size_t start) {
    // One byte was reserved for the length; a long message moves up to make room for more.
    const std::size_t size = out_.size() - start;
    const std::size_t width = varint_size(size);
    if (width > 1) out_.insert(start, width - 1, '\0');
    std::size_t rest = size;
    for (std::size_t i = 0; i < width; ++i, rest >>= 7)
      out_[start - 1 + i] = static_cast<char>((rest & 0x7f) | (i + 1 < width ? 0x80U : 0U));
  }

 private:
  void append_raw(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }

  std::string& out_;
};

}  // namespace alphaforge::wire
