#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>

namespace alphaforge {

std::int32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) {
    ++at;
    return static_cast<std::int32_t>(lead);
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() - at < length) return -1;
  unsigned point = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return -1;
    point = point << 6 | (byte(at + i) & 0x3fU);
  }
  constexpr unsigned kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kLeast[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return -1;
  at += length;
  return static_cast<std::int32_t>(point);
}

bool is_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;
  const auto word_at = [&](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    return word;
  };
  // Most texts are ASCII: checks eight bytes at a time, the last eight possibly twice.
  std::size_t at = 0;
  while (text.size() - at >= 8 && (word_at(at) & kHighBits) == 0) at += 8;
  if (text.size() >= 8 && text.size() - at < 8 && (word_at(text.size() - 8) & kHighBits) == 0) return true;
  while (at < text.size())
    if (next_code_point(text, at) < 0) return false;
  return true;
}

}  // namespace alphaforge
