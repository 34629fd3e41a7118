#include "model/names.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/utf8.hpp"

namespace alphaforge {

namespace {

[[noreturn]] void refuse(const char* what, const std::string& text) {
  throw InvalidArgument(Reason::NAME_INVALID, std::string(what) + " " + text);
}

// Whether each of eight bytes is 0x20 to 0x7e.
bool is_printable(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL, kHighBits = 0x80 * kOnes;
  // Without high bits no sum carries into the next byte.
  return (word & kHighBits) == 0 && ((word + 0x60 * kOnes) & kHighBits) == kHighBits &&
         ((word + kOnes) & kHighBits) == 0;
}

template <class Word>
std::uint64_t word_at(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// The common case, eight bytes at a time; some of the last ones twice.
bool is_printable_ascii(std::string_view text) {
  const char* const begin = text.data();
  const std::size_t size = text.size();
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8)
      if (!is_printable(word_at<std::uint64_t>(begin + at))) return false;
    return is_printable(word_at<std::uint64_t>(begin + size - 8));
  }
  if (size >= 4) return is_printable(word_at<std::uint32_t>(begin) << 32 | word_at<std::uint32_t>(begin + size - 4));
  for (const char c : text)
    if (c < 0x20 || c >= 0x7f) return false;
  return true;
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
    if (point < 0x20 || (point >= 0x7f && point <= 0x9f))
      refuse(what, "has a control character; expected printable text");
  }
}

void check_name(std::string_view text, const char* what, std::size_t bytes_max) {
  if (text.empty()) refuse(what, "is empty; expected 1 to " + std::to_string(bytes_max) + " bytes");
  check_optional_name(text, what, bytes_max);
}

}  // namespace alphaforge
