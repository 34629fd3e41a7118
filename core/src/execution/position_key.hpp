#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <system_error>

#include "base/error.hpp"
#include "base/reason.hpp"

namespace alphaforge::execution {

// The sort key of a position. As a text, "3:abcXYZ", where 3 is the length of the strategy's id.
struct PositionKey {
  std::string strategy_id, symbol;

  std::string text() const { return std::to_string(strategy_id.size()) + ":" + strategy_id + symbol; }

  // Throws InvalidArgument PAGE_TOKEN_INVALID for any other text.
  static PositionKey of(const std::string& text) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const char* const end = text.data() + colon;
    std::size_t length = 0;
    const auto read = std::from_chars(text.data(), end, length);
    if (colon == text.size() || read.ec != std::errc{} || read.ptr != end || length > text.size() - colon - 1)
      throw InvalidArgument(Reason::PAGE_TOKEN_INVALID,
                            "invalid page token '" + text + "': pass the next_page_token of the previous page");
    return {text.substr(colon + 1, length), text.substr(colon + 1 + length)};
  }
};

}  // namespace alphaforge::execution
