#pragma once

#include <cstdint>

namespace alphaforge {

// [start, end); at the end of 64 bits, the end is kNever.
struct Span {
  std::int64_t start;
  std::int64_t end;
  bool is_outside = false;  // of the sessions of a calendar
  bool operator==(const Span&) const = default;
};

}  // namespace alphaforge
