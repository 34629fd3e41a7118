#include "base/decimal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"

namespace alphaforge {

namespace {

constexpr uint128 kMagnitudeMax = static_cast<uint128>(std::numeric_limits<int128>::max());

constexpr auto kPowersOfTen = [] {
  std::array<uint128, kPlacesMax + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

uint128 power_of_ten(std::int64_t exponent) { return kPowersOfTen[static_cast<std::size_t>(exponent)]; }

uint128 magnitude(int128 value) {
  return value < 0 ? uint128{0} - static_cast<uint128>(value) : static_cast<uint128>(value);
}

// Long texts are truncated in messages; characters that are not printable ASCII are shown as '?'.
std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  std::string out;
  for (const char c : text.substr(0, kShownMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > kShownMax ? out + "..." : out;
}

[[noreturn]] void malformed(std::string_view text, const char* what) {
  throw InvalidArgument(Reason::NUMBER_MALFORMED,
                        std::string(what) + " '" + shown(text) + "' is not a finite decimal such as 45000.01 or 1e-9");
}

[[noreturn]] void out_of_range(std::string_view text, const char* what) {
  throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, std::string(what) + " " + shown(text) + " is out of range");
}

int128 with_sign(uint128 digits, bool negative) {
  return negative ? -static_cast<int128>(digits) : static_cast<int128>(digits);
}

// A text that matched the grammar: its significant digits, without leading and trailing zeros, times 10^exponent.
// The digits are a span of the text that may hold one '.'.
struct Scanned {
  bool negative = false;
  std::string_view span;
  std::int64_t digits = 0;
  std::int64_t exponent = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The exponent after the `e`, clamped: a number beyond it is out of range or rounds to zero.
bool scan_exponent(std::string_view text, std::int64_t& exponent) {
  constexpr std::int64_t kClamp = 1'000'000'000'000;
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    exponent = std::min(exponent * 10 + (c - '0'), kClamp);
  }
  if (negative) exponent = -exponent;
  return true;
}

bool scan(std::string_view text, Scanned& out) {
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) out.negative = text[at++] == '-';
  const std::size_t whole = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  std::size_t point = at;
  std::size_t digits = at - whole;
  std::size_t end = at;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    digits += at - fraction;
    if (at != fraction) end = at;
  }
  if (digits == 0) return false;
  std::int64_t exponent = 0;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return false;
    if (!scan_exponent(text.substr(at + 1), exponent)) return false;
  }

  std::size_t first = whole;
  while (first < end && (text[first] == '0' || text[first] == '.')) ++first;
  if (first == end) return true;  // zero, whatever its exponent
  while (text[end - 1] == '0' || text[end - 1] == '.') --end;
  out.span = text.substr(first, end - first);
  const bool spans_point = first < point && end > point;
  out.digits = static_cast<std::int64_t>(out.span.size()) - (spans_point ? 1 : 0);
  // The exponent of the last digit: 0 or more before the point, negative after it.
  const auto last = static_cast<std::int64_t>(end), dot = static_cast<std::int64_t>(point);
  out.exponent = exponent + (last <= dot ? dot - last : dot - last + 1);
  return true;
}

// The first `count` digits of the span, and whether what follows rounds up (half to even).
uint128 take_digits(const Scanned& number, std::int64_t count, bool& overflow) {
  uint128 value = 0;
  std::int64_t taken = 0;
  char next = '0';
  for (const char c : number.span) {
    if (c == '.') continue;
    if (taken == count) {
      next = c;
      break;
    }
    overflow = overflow || __builtin_mul_overflow(value, uint128{10}, &value) ||
               __builtin_add_overflow(value, static_cast<uint128>(c - '0'), &value);
    ++taken;
  }
  // No trailing zero is in the span: a lone 5 left over is exactly one half.
  const bool half = next == '5' && number.digits == count + 1;
  if (half ? (value & 1) != 0 : next >= '5') ++value;
  return value;
}

int128 scaled(std::string_view text, int places, const char* what, bool round) {
  Scanned number;
  if (!scan(text, number)) malformed(text, what);
  if (number.digits == 0) return 0;
  if (!round && -number.exponent > places) {
    throw InvalidArgument(Reason::NUMBER_TOO_PRECISE, std::string(what) + " " + shown(text) + " has " +
                                                          std::to_string(-number.exponent) + " decimals; at most " +
                                                          std::to_string(places));
  }
  // Digits in front of the last kept place; 128 bits hold 38 and some numbers of 39.
  const std::int64_t kept = number.digits + number.exponent + places;
  if (kept > kPlacesMax + 1) out_of_range(text, what);
  if (kept < 0) return 0;
  bool overflow = false;
  uint128 value = take_digits(number, std::min(kept, number.digits), overflow);
  if (kept > number.digits) {
    overflow = overflow || __builtin_mul_overflow(value, power_of_ten(kept - number.digits), &value);
  }
  if (overflow || value > kMagnitudeMax) out_of_range(text, what);
  return with_sign(value, number.negative);
}

template <typename Float>
int128 shortest_decimal(Float value, const char* what) {
  std::array<char, 32> buffer;
  char* const begin = buffer.data();
  const char* const end = std::to_chars(begin, begin + buffer.size(), value, std::chars_format::scientific).ptr;
  return parse_rounded({begin, static_cast<std::size_t>(end - begin)}, kPlaces, what);
}

// Rounds `quotient` half to even, given the remainder.
uint128 round_half_even(uint128 quotient, uint128 remainder, uint128 denominator) {
  const uint128 rest = denominator - remainder;
  const bool up = remainder > rest || (remainder == rest && (quotient & 1) != 0);
  return up ? quotient + 1 : quotient;
}

int128 checked_sign(uint128 value, bool negative, const char* what) {
  if (value > kMagnitudeMax) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, std::string(what) + " does not fit 128 bits");
  }
  return with_sign(value, negative);
}

struct Wide {
  uint128 high, low;
};

Wide multiply_wide(uint128 a, uint128 b) {
  constexpr uint128 kLow = std::numeric_limits<std::uint64_t>::max();
  const uint128 a0 = a & kLow, a1 = a >> 64, b0 = b & kLow, b1 = b >> 64;
  const uint128 p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
  const uint128 middle = (p00 >> 64) + (p01 & kLow) + (p10 & kLow);
  return {p11 + (p01 >> 64) + (p10 >> 64) + (middle >> 64), (middle << 64) | (p00 & kLow)};
}

}  // namespace

int128 parse_decimal(std::string_view text, int places, const char* what) { return scaled(text, places, what, false); }

int128 parse_rounded(std::string_view text, int places, const char* what) { return scaled(text, places, what, true); }

int128 decimal_of(double value, const char* what) {
  // The shortest decimal of most prices has at most 15 digits, nine of them after the point. No two decimals of 15
  // digits share a double, and the division rounds correctly: if k / 1e9 equals the value, k is the mantissa.
  constexpr double kExactMax = 9e14;
  const double scaled_up = value * 1e9;
  if (std::fabs(scaled_up) < kExactMax) {
    const auto k = static_cast<std::int64_t>(std::llrint(scaled_up));
    if (static_cast<double>(k) / 1e9 == value) return k;
  }
  return shortest_decimal(value, what);
}

int128 decimal_of(float value, const char* what) { return shortest_decimal(value, what); }

double to_double(int128 mantissa, int places) {
  // Both operands are exact in a double (10^22 is the last such power), so that the division rounds once.
  constexpr uint128 kExactMax = uint128{1} << 53;
  constexpr int kExactPlaces = 22;
  if (magnitude(mantissa) <= kExactMax && places <= kExactPlaces) {
    return static_cast<double>(static_cast<std::int64_t>(mantissa)) / static_cast<double>(power_of_ten(places));
  }
  const std::string text = format_decimal(mantissa, places, 0);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

namespace {

// Writes the decimal digits of a number, without leading zeros, and returns their end. 128-bit divisions are slow, so
// each one splits off eighteen digits.
char* write_digits(uint128 number, char* out) {
  constexpr std::uint64_t kChunk = 1'000'000'000'000'000'000;
  constexpr std::ptrdiff_t kChunkDigits = 18;
  if (number >> 64 == 0) return std::to_chars(out, out + 20, static_cast<std::uint64_t>(number)).ptr;
  const uint128 above = number / kChunk;
  char* const end = write_digits(above, out) + kChunkDigits;
  auto rest = static_cast<std::uint64_t>(number - above * kChunk);
  for (char* at = end; at != end - kChunkDigits; rest /= 10) *--at = static_cast<char>('0' + rest % 10);
  return end;
}

}  // namespace

std::string format_decimal(int128 mantissa, int places, int min_places) {
  std::array<char, 40> digits;
  const char* const begin = digits.data();
  const std::ptrdiff_t size = write_digits(magnitude(mantissa), digits.data()) - begin;
  const std::ptrdiff_t whole = std::max<std::ptrdiff_t>(size - places, 0);
  std::array<char, 2 * kPlacesMax + 4> buffer;
  char* at = buffer.data();
  if (mantissa < 0) *at++ = '-';
  if (whole == 0) *at++ = '0';
  at = std::copy(begin, begin + whole, at);
  char* const point = at;
  *at++ = '.';
  at = std::fill_n(at, places - (size - whole), '0');
  at = std::copy(begin + whole, begin + size, at);
  // Drops trailing zeros, and the point if nothing follows it.
  while (at > point + 1 + min_places && at[-1] == '0') --at;
  return {buffer.data(), at == point + 1 ? point : at};
}

int128 divide_half_even(int128 numerator, int128 denominator) {
  const uint128 n = magnitude(numerator), d = magnitude(denominator);
  return checked_sign(round_half_even(n / d, n % d, d), (numerator < 0) != (denominator < 0), "quotient");
}

int128 rescale(int128 mantissa, int from_places, int to_places) {
  if (to_places <= from_places) {
    return divide_half_even(mantissa, static_cast<int128>(power_of_ten(from_places - to_places)));
  }
  int128 result = 0;
  if (__builtin_mul_overflow(mantissa, static_cast<int128>(power_of_ten(to_places - from_places)), &result)) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE,
                          "number " + format_decimal(mantissa, from_places, 0) + " is out of range");
  }
  return result;
}

int128 multiply_divide_half_even(int128 a, int128 b, int128 c) {
  const bool negative = ((a < 0) != (b < 0)) != (c < 0);
  const uint128 divisor = magnitude(c);
  const Wide product = multiply_wide(magnitude(a), magnitude(b));
  if (product.high == 0) {
    return checked_sign(round_half_even(product.low / divisor, product.low % divisor, divisor), negative, "quotient");
  }
  if (product.high >= divisor) checked_sign(kMagnitudeMax + 1, negative, "quotient");
  // Binary long division: the remainder stays below the divisor, at most 2^127, so that doubling never overflows.
  uint128 quotient = 0, remainder = product.high;
  for (int bit = 127; bit >= 0; --bit) {
    remainder = remainder << 1 | ((product.low >> bit) & 1);
    quotient <<= 1;
    if (remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1;
    }
  }
  return checked_sign(round_half_even(quotient, remainder, divisor), negative, "quotient");
}

}  // namespace alphaforge
