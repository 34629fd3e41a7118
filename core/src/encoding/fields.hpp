#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/utf8.hpp"
#include "encoding/reader.hpp"
#include "encoding/writer.hpp"
#include "model/numbers.hpp"

namespace alphaforge::wire {

// Fields of messages as protobuf writes them: defaults are omitted unless the field is `optional`.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) {}

  void text(std::uint32_t field, std::string_view value) {
    if (!value.empty()) out_.bytes(field, value);
  }
  void optional_text(std::uint32_t field, std::string_view value) { out_.bytes(field, value); }
  void integer(std::uint32_t field, std::int64_t value) {
    if (value != 0) out_.uint(field, static_cast<std::uint64_t>(value));
  }
  void optional_integer(std::uint32_t field, std::optional<std::int64_t> value) {
    if (value) out_.uint(field, static_cast<std::uint64_t>(*value));
  }
  template <class Enum>
  void number(std::uint32_t field, Enum member) {
    integer(field, static_cast<std::int64_t>(member));
  }
  void flag(std::uint32_t field, bool value) { integer(field, value); }
  void price(std::uint32_t field, const std::optional<Price>& value) {
    if (value) out_.bytes(field, to_string(*value));
  }
  template <class Write>
  void message(std::uint32_t field, Write write) {
    const std::size_t start = out_.begin(field);
    write(*this);
    out_.end(start);
  }

 private:
  Writer out_;
};

// A `string` field, which is UTF-8 or malformed.
inline std::string_view text_of(Reader& in) {
  const std::string_view text = in.bytes();
  if (!is_utf8(text)) throw InvalidArgument(Reason::MESSAGE_MALFORMED, "malformed message: a string is not UTF-8");
  return text;
}
inline std::int64_t integer_of(Reader& in) { return static_cast<std::int64_t>(in.uint()); }
inline Price price_of(Reader& in, const char* what) {
  return alphaforge::price_of(parse_decimal(in.bytes(), kPlaces, what));
}
inline Value value_of(Reader& in, const char* what) { return {parse_decimal(in.bytes(), kValuePlaces, what)}; }
inline Quantity quantity_of(Reader& in, const char* what) { return {parse_decimal(in.bytes(), kPlaces, what)}; }

// An enumeration value; values beyond a byte are unknown. Whether it is known is checked where it is used.
template <class Enum>
Enum member_of(Reader& in) {
  const std::uint64_t number = in.uint();
  return static_cast<Enum>(number > 255 ? 255 : number);
}

}  // namespace alphaforge::wire
