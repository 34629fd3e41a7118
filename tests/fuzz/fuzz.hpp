// The common part of all targets. A target accepts any bytes: it may refuse them with an error of the core, and nothing
// else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace alphaforge::fuzz {

inline std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// An invariant of the core that holds for all bytes.
inline void demand(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", law);
  std::abort();
}

// Calls; false where the core refuses. Any other exception ends the process.
template <class Call>
bool accepts(Call&& call) {
  try {
    call();
    return true;
  } catch (const InvalidArgument&) {
    return false;
  } catch (const UnsupportedValue&) {
    return false;
  } catch (const EngineError&) {
    return false;
  }
}

}  // namespace alphaforge::fuzz
