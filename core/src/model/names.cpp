#include "model/names.hpp"

#include <cstddef>
#include <cstdint>
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

// The common case, in a loop that the compiler can vectorise.
bool is_printable_ascii(std::string_view text) {
  bool printable = true;
  for (const char c : text) printable &= c >= 0x20 && c < 0x7f;
  return printable;
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
