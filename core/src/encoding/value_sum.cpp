#include "encoding/value_sum.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "encoding/value.hpp"
#include "encoding/writer.hpp"

namespace alphaforge::wire {

namespace {

bool is_int(ValueKind kind) { return kind == ValueKind::kInt || kind == ValueKind::kBigInt; }

// Coefficient x 10^exponent, the coefficient as decimal digits, most significant first, without leading zeros; zero is
// "0".
struct Decimal {
  bool is_negative = false;
  std::string digits;
  std::int64_t exponent = 0;
};

void trim_zeros(std::string& digits) { digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1)); }

[[noreturn]] void refuse_digits() {
  throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE,
                        "the exact sum has more than " + std::to_string(kSumDigitsMax) + " digits");
}

// Big-endian two's complement of any length.
std::string int_bytes(const ValueParts& parts) {
  if (parts.kind == ValueKind::kBigInt) return std::string(parts.content);
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    bytes[7 - i] = static_cast<char>(static_cast<std::uint64_t>(parts.number) >> (8 * i));
  return bytes;
}

bool is_negative(std::string_view bytes) { return (bytes.front() & '\x80') != 0; }

std::string widened(std::string bytes, std::size_t size) {
  bytes.insert(0, size - bytes.size(), is_negative(bytes) ? '\xff' : '\0');
  return bytes;
}

std::string trimmed(std::string bytes) {
  std::size_t surplus = 0;
  while (surplus + 1 < bytes.size()) {
    const char next_sign = (bytes[surplus + 1] & '\x80') != 0 ? '\xff' : '\0';
    if (bytes[surplus] != next_sign) break;
    ++surplus;
  }
  return bytes.erase(0, surplus);
}

std::string encoded_int(const std::string& bytes) {
  std::string out;
  Writer writer(out);
  if (bytes.size() > 8) {
    writer.bytes(static_cast<std::uint32_t>(ValueKind::kBigInt), bytes);
    return out;
  }
  std::uint64_t number = is_negative(bytes) ? ~std::uint64_t{0} : 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  writer.sint(static_cast<std::uint32_t>(ValueKind::kInt), static_cast<std::int64_t>(number));
  return out;
}

std::string add_ints(const ValueParts& a, const ValueParts& b) {
  std::string left = int_bytes(a), right = int_bytes(b);
  const std::size_t size = std::max(left.size(), right.size()) + 1;
  left = widened(std::move(left), size);
  right = widened(std::move(right), size);
  unsigned carry = 0;
  for (std::size_t i = size; i-- > 0;) {
    carry += static_cast<unsigned>(static_cast<unsigned char>(left[i])) + static_cast<unsigned char>(right[i]);
    left[i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  return encoded_int(trimmed(std::move(left)));
}

Decimal decimal_of_int(const ValueParts& parts) {
  std::string bytes = int_bytes(parts);
  // A digit takes at least 3.3 bits.
  if (bytes.size() > kSumDigitsMax * 4 / 8) refuse_digits();
  Decimal decimal;
  decimal.is_negative = is_negative(bytes);
  if (decimal.is_negative) {
    unsigned carry = 1;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      carry += static_cast<unsigned char>(~bytes[i]);
      bytes[i] = static_cast<char>(carry & 0xff);
      carry >>= 8;
    }
    // The bytes are now an unsigned magnitude, which fits even for the most negative number of this size.
  }
  while (bytes.find_first_not_of('\0') != std::string::npos) {
    unsigned rest = 0;
    for (char& byte : bytes) {
      rest = rest << 8 | static_cast<unsigned char>(byte);
      byte = static_cast<char>(rest / 10);
      rest %= 10;
    }
    decimal.digits.push_back(static_cast<char>('0' + rest));
  }
  if (decimal.digits.empty()) decimal.digits.assign(1, '0');
  std::reverse(decimal.digits.begin(), decimal.digits.end());
  return decimal;
}

// False for NaN and infinities. The text has passed the grammar of decimal_value.
bool parse_finite(std::string_view text, Decimal& decimal) {
  if (text.starts_with('-') || text.starts_with('+')) {
    decimal.is_negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.find_first_of("Nn") != std::string_view::npos) return false;
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  std::string_view exponent = text.substr(std::min(e + 1, text.size()));
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  if (!exponent.empty() &&
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), decimal.exponent).ec != std::errc())
    refuse_digits();
  const std::string_view coefficient = text.substr(0, e);
  const std::size_t point = std::min(coefficient.find('.'), coefficient.size());
  decimal.digits = coefficient.substr(0, point);
  if (point < coefficient.size()) {
    const std::string_view places = coefficient.substr(point + 1);
    decimal.digits += places;
    if (__builtin_sub_overflow(decimal.exponent, static_cast<std::int64_t>(places.size()), &decimal.exponent))
      refuse_digits();
  }
  trim_zeros(decimal.digits);
  return true;
}

void align(Decimal& decimal, std::int64_t exponent) {
  std::int64_t zeros = 0;
  if (__builtin_sub_overflow(decimal.exponent, exponent, &zeros)) refuse_digits();
  decimal.exponent = exponent;
  if (decimal.digits == "0") return;
  if (static_cast<std::uint64_t>(zeros) + decimal.digits.size() > kSumDigitsMax) refuse_digits();
  decimal.digits.append(static_cast<std::size_t>(zeros), '0');
}

// Two digit strings of equal length: a + b, or a - b, which requires a >= b.
std::string combine(const std::string& a, const std::string& b, bool subtract) {
  std::string result(a.size() + 1, '0');
  int carry = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    int digit = a[i] - '0' + (subtract ? -(b[i] - '0') : b[i] - '0') + carry;
    carry = digit < 0 ? -1 : digit / 10;
    digit = (digit + 10) % 10;
    result[i + 1] = static_cast<char>('0' + digit);
  }
  result[0] = static_cast<char>('0' + carry);
  trim_zeros(result);
  return result;
}

Decimal add_decimals(Decimal a, Decimal b) {
  const std::int64_t exponent = std::min(a.exponent, b.exponent);
  align(a, exponent);
  align(b, exponent);
  const std::size_t size = std::max(a.digits.size(), b.digits.size());
  if (size > kSumDigitsMax) refuse_digits();
  a.digits.insert(0, size - a.digits.size(), '0');
  b.digits.insert(0, size - b.digits.size(), '0');
  const bool subtract = a.is_negative != b.is_negative;
  if (subtract && a.digits < b.digits) std::swap(a, b);
  Decimal sum{a.is_negative, combine(a.digits, b.digits, subtract), exponent};
  if (subtract && sum.digits == "0") sum.is_negative = false;
  return sum;
}

std::string encoded_decimal(const Decimal& decimal) {
  std::string text;
  if (decimal.is_negative) text.push_back('-');
  const auto places = static_cast<std::uint64_t>(-decimal.exponent);
  if (decimal.exponent > 0 || places > kSumDigitsMax) {
    text.append(decimal.digits).append(decimal.exponent > 0 ? "E+" : "E").append(std::to_string(decimal.exponent));
  } else {
    std::string digits = decimal.digits;
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    if (places != 0) digits.insert(digits.size() - places, 1, '.');
    text += digits;
  }
  std::string out;
  Writer(out).bytes(static_cast<std::uint32_t>(ValueKind::kDecimal), text);
  return out;
}

bool is_finite_decimal(const ValueParts& parts, Decimal& decimal) {
  return parts.kind == ValueKind::kDecimal && parse_finite(parts.content, decimal);
}

}  // namespace

void check_amount(std::string_view amount) {
  const ValueParts parts = parse_value(amount);
  if (is_int(parts.kind)) return;
  if (parts.kind != ValueKind::kDecimal)
    throw UnsupportedValue(Reason::VALUE_NOT_NUMERIC, "the amount of an increment must be an int or a Decimal");
  Decimal decimal;
  if (!parse_finite(parts.content, decimal))
    throw InvalidArgument(Reason::NUMBER_MALFORMED,
                          "the amount of an increment must be finite, not " + std::string(parts.content));
}

std::string add_values(std::string_view stored, std::string_view amount) {
  const ValueParts a = parse_value(stored);
  const ValueParts b = parse_value(amount);
  std::int64_t sum = 0;
  if (a.kind == ValueKind::kInt && b.kind == ValueKind::kInt && !__builtin_add_overflow(a.number, b.number, &sum)) {
    std::string out;
    Writer(out).sint(static_cast<std::uint32_t>(ValueKind::kInt), sum);
    return out;
  }
  if (is_int(a.kind) && is_int(b.kind)) return add_ints(a, b);
  Decimal left, right;
  if (!is_int(a.kind) && !is_finite_decimal(a, left))
    throw EngineError(Reason::VALUE_NOT_NUMERIC,
                      "the entry's value is not an int or a finite Decimal; it can't be incremented");
  if (is_int(a.kind)) left = decimal_of_int(a);
  if (is_int(b.kind))
    right = decimal_of_int(b);
  else
    parse_finite(b.content, right);
  return encoded_decimal(add_decimals(std::move(left), std::move(right)));
}

}  // namespace alphaforge::wire
