#include "model/names.hpp"

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace alphaforge {

namespace {

[[noreturn]] void refuse(const char* what, const std::string& text) {
  throw InvalidArgument(Reason::NAME_INVALID, std::string(what) + " " + text);
}

// The common case, in a loop that the compiler can vectorise.
bool is_printable_ascii(std::string_view text) {
  bool printable = true;
  for (const char c : text) printable &= c >= 0x20 && c < 0x7f;
  return printable;
}

// One code point of well-formed UTF-8 that starts at text[at]; -1 where there is none. Advances `at`.
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

}  // namespace

void check_optional_name(std::string_view text, const char* what, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    refuse(what, "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bytes_max));
  }
  if (is_printable_ascii(text)) return;
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t point = next_code_point(text, at);
    if (point < 0) refuse(what, "is not valid UTF-8");
    // Control characters are C0, DEL and C1.
    if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) refuse(what, "has a control character; printable text only");
  }
}

void check_name(std::string_view text, const char* what, std::size_t bytes_max) {
  if (text.empty()) refuse(what, "is empty; 1 to " + std::to_string(bytes_max) + " bytes");
  check_optional_name(text, what, bytes_max);
}

}  // namespace alphaforge
