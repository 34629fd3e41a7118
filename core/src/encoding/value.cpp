#include "encoding/value.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/utf8.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "model/numbers.hpp"

namespace alphaforge::wire {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view digits(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

bool skip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// What str() of a Python Decimal writes: [-]digits[.digits][E[+-]digits], [-]Infinity, [-]NaN[digits], [-]sNaN[digits].
bool is_decimal(std::string_view text) {
  if (!skip_prefix(text, "-")) skip_prefix(text, "+");
  if (text == "Infinity") return true;
  if (skip_prefix(text, "NaN") || skip_prefix(text, "sNaN")) {
    digits(text);
    return text.empty();
  }
  const bool has_whole = !digits(text).empty();
  const bool has_places = skip_prefix(text, ".") && !digits(text).empty();
  if (!has_whole && !has_places) return false;
  if (skip_prefix(text, "E") || skip_prefix(text, "e")) {
    if (!skip_prefix(text, "-")) skip_prefix(text, "+");
    // The exponents that Python's decimal knows have at most 18 digits and a sign.
    const std::size_t exponent_digits = digits(text).size();
    if (exponent_digits == 0 || exponent_digits > 19) return false;
  }
  return text.empty();
}

void check_nine_places(std::string_view text, bool is_price) {
  try {
    const int128 mantissa = parse_decimal(text, kPlaces, is_price ? "price_value" : "quantity_value");
    is_price ? static_cast<void>(alphaforge::price_of(mantissa)) : static_cast<void>(alphaforge::quantity_of(mantissa));
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(Reason::VALUE_MALFORMED, error.what());
  }
}

// A time zone key of the IANA database; it becomes part of a file name when the zone is looked up.
bool is_zone_key(std::string_view key) {
  constexpr std::size_t kZoneKeyBytesMax = 255;
  const auto is_allowed = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '_' || c == '-' ||
           c == '+' || c == '.';
  };
  return key.size() <= kZoneKeyBytesMax && std::all_of(key.begin(), key.end(), is_allowed) && key.front() != '/' &&
         key.find("..") == std::string_view::npos;
}

void set_content(ValueParts& parts, Reader& reader) {
  using enum ValueKind;
  switch (parts.kind) {
    case kBool:
      parts.number = reader.uint() != 0 ? 1 : 0;
      return;
    case kInt:
      parts.number = reader.sint();
      return;
    case kDate:
      parts.number = reader.sint();
      if (parts.number < kDaysMin || parts.number > kDaysMax) refuse_value("date_value is beyond the years 1 to 9999");
      return;
    case kDouble:
      parts.real = reader.fixed<double>();
      return;
    default:
      parts.content = reader.bytes();
  }
}

void check_content(const ValueParts& parts) {
  using enum ValueKind;
  switch (parts.kind) {
    case kNull:
      // A decoder of the whole message would read its content, and might fail.
      if (!parts.content.empty()) refuse_value("null_value has content");
      return;
    case kString:
      if (!is_utf8(parts.content)) refuse_value("string_value is not valid UTF-8");
      return;
    case kDecimal:
      if (!is_decimal(parts.content)) refuse_value("decimal_value is not a decimal");
      return;
    case kBigInt:
      if (parts.content.size() < 9) refuse_value("big_int_value fits int_value");
      return;
    case kPrice:
    case kQuantity:
      check_nine_places(parts.content, parts.kind == kPrice);
      return;
    default:
      return;
  }
}

ValueParts parse_fields(std::string_view value) {
  ValueParts parts;
  bool is_set = false;
  Reader reader(value);
  while (reader.next()) {
    if (reader.field() > static_cast<std::uint32_t>(ValueKind::kNumpyArray)) {
      reader.skip();
      continue;
    }
    if (is_set) refuse_value("a value has exactly one kind");
    is_set = true;
    parts.kind = static_cast<ValueKind>(reader.field());
    set_content(parts, reader);
  }
  if (!is_set) refuse_value("a value has exactly one kind");
  return parts;
}

// Malformed messages inside a value make the value malformed.
template <class Parse>
auto as_value_error(Parse&& parse) {
  try {
    return parse();
  } catch (const InvalidArgument& error) {
    if (error.reason() != Reason::MESSAGE_MALFORMED && error.reason() != Reason::LIMIT_EXCEEDED) throw;
    throw InvalidArgument(Reason::VALUE_MALFORMED, error.what());
  }
}

// "<f8", "|S5", "<M8[ns]": the kinds whose items are plain bytes.
void set_dtype(NumpyParts& parts) {
  std::string_view text = parts.dtype;
  if (text.size() < 3 || std::string_view("<>|").find(text[0]) == std::string_view::npos ||
      std::string_view("biufcmMSU").find(text[1]) == std::string_view::npos)
    refuse_value("dtype is not one of NumPy's plain types");
  parts.byte_order = text[0];
  parts.kind = text[1];
  text.remove_prefix(2);
  const std::string_view size = digits(text);
  if (size.empty() || size.size() > 7) refuse_value("dtype has no item size");
  parts.item_bytes = 0;
  for (const char c : size) parts.item_bytes = parts.item_bytes * 10 + static_cast<std::size_t>(c - '0');
  const bool is_time = parts.kind == 'm' || parts.kind == 'M';
  const auto is_one_of = [&](std::initializer_list<std::size_t> sizes) {
    return std::find(sizes.begin(), sizes.end(), parts.item_bytes) != sizes.end();
  };
  bool is_good = true;
  if (parts.kind == 'b') is_good = parts.item_bytes == 1;
  if (parts.kind == 'i' || parts.kind == 'u') is_good = is_one_of({1, 2, 4, 8});
  if (parts.kind == 'f') is_good = is_one_of({2, 4, 8, 16});
  if (parts.kind == 'c') is_good = is_one_of({8, 16, 32});
  if (is_time) is_good = parts.item_bytes == 8;
  if (!is_good) refuse_value("dtype has an item size that NumPy doesn't know");
  if (parts.kind == 'U') parts.item_bytes *= 4;
  const bool has_unit =
      text.size() >= 3 && text.front() == '[' && text.back() == ']' &&
      std::all_of(text.begin() + 1, text.end() - 1, [](char c) { return is_digit(c) || (c >= 'A' && c <= 'z'); });
  if (!text.empty() && !(is_time && has_unit && text.size() <= 24))
    refuse_value("dtype is not one of NumPy's plain types");
}

void check_items(const NumpyParts& parts) {
  if (parts.kind == 'b') {
    for (const char c : parts.data)
      if (c != 0 && c != 1) refuse_value("a NumPy bool is neither 0 nor 1");
  }
  if (parts.kind == 'U') {
    for (std::size_t at = 0; at < parts.data.size(); at += 4) {
      std::uint32_t point;
      std::memcpy(&point, parts.data.data() + at, 4);
      if (parts.byte_order == '>') point = __builtin_bswap32(point);
      if (point > 0x10ffff) refuse_value("a NumPy text has no valid code point");
    }
  }
}

void check_level(std::string_view value, int depth);

void check_children(const ValueParts& parts, int depth) {
  using enum ValueKind;
  if (!is_container(parts.kind)) return;
  if (depth == kValueDepthMax) refuse_depth();
  if (parts.kind == kMap) {
    for_each_entry(parts.content, [&](std::string_view key, std::string_view value) {
      if (!is_scalar(parse_value(key).kind)) refuse_value("the key of a map is not a scalar");
      check_level(key, depth + 1);
      check_level(value, depth + 1);
    });
  } else {
    for_each_item(parts.content, [&](std::string_view item) {
      if (parts.kind == kSet && !is_scalar(parse_value(item).kind) && parse_value(item).kind != kTuple)
        refuse_value("a member of a set is neither a scalar nor a tuple");
      check_level(item, depth + 1);
    });
  }
}

void check_level(std::string_view value, int depth) {
  const ValueParts parts = parse_value(value);
  switch (parts.kind) {
    case ValueKind::kDateTime:
      parse_datetime(parts.content);
      return;
    case ValueKind::kTimeDelta:
      parse_timedelta(parts.content);
      return;
    case ValueKind::kNumpyScalar:
    case ValueKind::kNumpyArray:
      parse_numpy(parts.content, parts.kind == ValueKind::kNumpyArray);
      return;
    default:
      check_children(parts, depth);
  }
}

}  // namespace

bool is_container(ValueKind kind) {
  using enum ValueKind;
  return kind == kList || kind == kTuple || kind == kSet || kind == kMap;
}

bool is_scalar(ValueKind kind) { return !is_container(kind) && kind != ValueKind::kNumpyArray; }

void refuse_value(const char* what) {
  throw InvalidArgument(Reason::VALUE_MALFORMED, std::string("malformed value: ") + what);
}

void refuse_depth() {
  throw InvalidArgument(Reason::VALUE_TOO_DEEP,
                        "the value is nested deeper than " + std::to_string(kValueDepthMax) + " levels");
}

void check_value_size(std::size_t bytes) {
  if (bytes > kValueBytesMax)
    throw InvalidArgument(Reason::VALUE_TOO_LARGE,
                          "the value's encoding has " + std::to_string(bytes) + " bytes; at most 4,194,304");
}

ValueParts parse_value(std::string_view value) {
  return as_value_error([&] {
    const ValueParts parts = parse_fields(value);
    check_content(parts);
    return parts;
  });
}

DateTimeParts parse_datetime(std::string_view content) {
  return as_value_error([&] {
    DateTimeParts parts;
    int zones = 0;
    Reader reader(content);
    while (reader.next()) {
      switch (reader.field()) {
        case 1:
          parts.local_us = reader.sint();
          break;
        case 2:
          parts.fold = reader.uint() != 0;
          break;
        case 3:
          parts.utc_offset_us = reader.sint();
          ++zones;
          break;
        case 4:
          parts.zone_key = text_of(reader);
          if (parts.zone_key.empty() || !is_zone_key(parts.zone_key)) refuse_value("zone_key is not a time zone key");
          ++zones;
          break;
        default:
          reader.skip();
      }
    }
    if (zones != 1) refuse_value("a datetime must have exactly one time zone");
    if (parts.local_us < kDaysMin * kDayUs || parts.local_us >= (kDaysMax + 1) * kDayUs)
      refuse_value("local_us is beyond the years 1 to 9999");
    if (parts.utc_offset_us <= -kDayUs || parts.utc_offset_us >= kDayUs)
      refuse_value("utc_offset_us is not within a day");
    return parts;
  });
}

TimeDeltaParts parse_timedelta(std::string_view content) {
  return as_value_error([&] {
    std::int64_t days = 0;
    std::uint64_t seconds = 0, microseconds = 0;
    Reader reader(content);
    while (reader.next()) {
      switch (reader.field()) {
        case 1:
          days = reader.sint();
          break;
        case 2:
          seconds = reader.uint();
          break;
        case 3:
          microseconds = reader.uint();
          break;
        default:
          reader.skip();
      }
    }
    if (days < -kTimeDeltaDaysMax || days > kTimeDeltaDaysMax || seconds >= 86'400 || microseconds >= 1'000'000)
      refuse_value("a part of a timedelta is out of range");
    return TimeDeltaParts{static_cast<std::int32_t>(days), static_cast<std::int32_t>(seconds),
                          static_cast<std::int32_t>(microseconds)};
  });
}

NumpyParts parse_numpy(std::string_view content, bool is_array) {
  return as_value_error([&] {
    NumpyParts parts;
    const std::uint32_t data_field = is_array ? 3 : 2;
    Reader reader(content);
    while (reader.next()) {
      if (reader.field() == 1)
        parts.dtype = text_of(reader);
      else if (reader.field() == data_field)
        parts.data = reader.bytes();
      else if (is_array && reader.field() == 2)
        reader.append_varint(parts.shape, kNumpyAxesMax);
      else
        reader.skip();
    }
    set_dtype(parts);
    std::uint64_t bytes = parts.item_bytes;
    for (const std::uint64_t length : parts.shape) {
      // NumPy refuses axes whose product without the zeros overflows; nothing near it fits a value.
      if (length > kValueBytesMax || __builtin_mul_overflow(bytes, length, &bytes)) refuse_value("shape is too large");
    }
    if (bytes != parts.data.size()) refuse_value("shape and data differ in size");
    check_items(parts);
    return parts;
  });
}

void check_value(std::string_view value) {
  if (is_plain_double(value)) return;
  check_value_size(value.size());
  as_value_error([&] {
    check_level(value, 0);
    return 0;
  });
}

}  // namespace alphaforge::wire
