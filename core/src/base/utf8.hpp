#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alphaforge {

// The code point of well-formed UTF-8 that starts at text[at], which must exist; -1 if there is none. Advances `at`.
std::int32_t next_code_point(std::string_view text, std::size_t& at);

// Whether all of it is well-formed: no surrogates, no overlong forms, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace alphaforge
