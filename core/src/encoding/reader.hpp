#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"

namespace alphaforge::wire {

static_assert(std::endian::native == std::endian::little, "packed columns are copied as they lie on the wire");

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Walks the fields of one protobuf message: `while (reader.next()) switch (reader.field())`.
// Throws InvalidArgument MESSAGE_MALFORMED on anything that is not well-formed; never reads outside the given bytes.
//
// A message is read as protobuf reads it, or refused. Unlike protobuf, it refuses: a known field of another wire type,
// an embedded message that is given twice (protobuf merges them), groups, and overlong numbers. See
// docs/reference/wire.md.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool next() {
    if (at_ == end_) return false;
    const char* const start = at_;
    const std::uint64_t tag = varint();
    if (tag > 0xffffffffU || tag < 8 || at_ - start > kTagBytesMax) refuse("field number");
    field_ = static_cast<std::uint32_t>(tag >> 3);
    type_ = static_cast<WireType>(tag & 7);
    return true;
  }
  std::uint32_t field() const { return field_; }
  WireType type() const { return type_; }

  std::string_view bytes() {
    expect(WireType::kBytes);
    return take(varint());
  }
  // A field that may occur once, an embedded message. `is_given` tells whether it has occurred.
  std::string_view once(bool& is_given) {
    if (is_given) refuse("a field is given twice");
    is_given = true;
    return bytes();
  }
  // Any varint field: int32, int64, uint32, uint64, bool, enum.
  std::uint64_t uint() {
    expect(WireType::kVarint);
    return varint();
  }
  // A sint32 or sint64 field: zigzag.
  std::int64_t sint() {
    const std::uint64_t value = uint();
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  // A fixed32, fixed64, sfixed64, float or double field.
  template <class T>
  T fixed() {
    expect(fixed_type<T>());
    const std::string_view bytes = take(sizeof(T));
    T value;
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  // The repeated fields below throw InvalidArgument LIMIT_EXCEEDED before they hold more than `max` elements.
  //
  // Of fixed width: packed, in one or many pieces, or element by element.
  template <class T>
  void append_fixed(std::vector<T>& out, std::size_t max) {
    check_room(out.size(), 1, max);
    if (type_ != WireType::kBytes) return out.push_back(fixed<T>());
    const std::string_view packed = bytes();
    if (packed.size() % sizeof(T) != 0) refuse("packed column");
    const std::size_t old = out.size();
    check_room(old, packed.size() / sizeof(T), max);
    out.resize(old + packed.size() / sizeof(T));
    if (!packed.empty()) std::memcpy(out.data() + old, packed.data(), packed.size());
  }
  // Varints, packed or not.
  template <class T>
  void append_varint(std::vector<T>& out, std::size_t max) {
    if (type_ == WireType::kVarint) {
      check_room(out.size(), 1, max);
      return out.push_back(static_cast<T>(varint()));
    }
    Reader packed(bytes());
    // Each varint ends with a byte below 128.
    check_room(out.size(), static_cast<std::size_t>(std::count_if(packed.at_, packed.end_, is_last_byte)), max);
    while (packed.at_ != packed.end_) out.push_back(static_cast<T>(packed.varint()));
  }
  // Members of an enumeration, packed or not; values that don't fit a byte become 0.
  void append_codes(std::vector<std::uint8_t>& out, std::size_t max) {
    const auto code_of = [](std::uint64_t value) {
      return value > 255 ? std::uint8_t{0} : static_cast<std::uint8_t>(value);
    };
    if (type_ == WireType::kVarint) {
      check_room(out.size(), 1, max);
      return out.push_back(code_of(varint()));
    }
    Reader packed(bytes());
    const auto count = static_cast<std::size_t>(std::count_if(packed.at_, packed.end_, is_last_byte));
    check_room(out.size(), count, max);
    // Usually each value takes one byte and equals it.
    if (count == static_cast<std::size_t>(packed.end_ - packed.at_)) {
      out.insert(out.end(), packed.at_, packed.end_);
      return;
    }
    while (packed.at_ != packed.end_) out.push_back(code_of(packed.varint()));
  }
  // Throws InvalidArgument LIMIT_EXCEEDED unless `more` elements fit beside `size`.
  static void check_room(std::size_t size, std::size_t more, std::size_t max) {
    if (more > max || size > max - more)
      throw InvalidArgument(Reason::LIMIT_EXCEEDED,
                            "a message has at most " + std::to_string(max) +
                                " elements of a repeated field, and this one has more; send it in parts");
  }
  void skip() {
    switch (type_) {
      case WireType::kVarint:
        varint();
        return;
      case WireType::kFixed64:
        take(8);
        return;
      case WireType::kBytes:
        bytes();
        return;
      case WireType::kFixed32:
        take(4);
        return;
    }
    refuse("wire type");
  }

 private:
  static constexpr std::ptrdiff_t kTagBytesMax = 5;
  static bool is_last_byte(char byte) { return static_cast<std::uint8_t>(byte) < 0x80; }

  [[noreturn]] static void refuse(const char* what) {
    throw InvalidArgument(Reason::MESSAGE_MALFORMED, std::string("malformed message: ") + what);
  }
  template <class T>
  static constexpr WireType fixed_type() {
    static_assert(sizeof(T) == 8 || sizeof(T) == 4);
    return sizeof(T) == 8 ? WireType::kFixed64 : WireType::kFixed32;
  }
  void expect(WireType type) const {
    if (type_ != type) refuse("wire type");
  }
  std::uint64_t varint() {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) return static_cast<std::uint8_t>(*at_++);
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const auto byte = static_cast<std::uint8_t>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80 && (shift < 63 || byte <= 1)) return value;
    }
    refuse("varint");
  }
  std::string_view take(std::uint64_t size) {
    if (size > static_cast<std::uint64_t>(end_ - at_)) refuse("truncated");
    const std::string_view taken(at_, size);
    at_ += size;
    return taken;
  }

  const char* at_;
  const char* end_;
  std::uint32_t field_ = 0;
  WireType type_ = WireType::kVarint;
};

}  // namespace alphaforge::wire
