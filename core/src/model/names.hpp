#pragma once

#include <cstddef>
#include <string_view>

namespace alphaforge {

inline constexpr std::size_t kInstrumentIdBytesMax = 64;
inline constexpr std::size_t kTradeIdBytesMax = 64;
inline constexpr std::size_t kOrderIdBytesMax = 64;
inline constexpr std::size_t kStrategyIdBytesMax = 64;
inline constexpr std::size_t kEngineNameBytesMax = 64;

// 1 to `bytes_max` bytes of UTF-8 without control characters; throws InvalidArgument NAME_INVALID that names `what`.
void check_name(std::string_view text, const char* what, std::size_t bytes_max);

// The same for a text that may be empty.
void check_optional_name(std::string_view text, const char* what, std::size_t bytes_max);

}  // namespace alphaforge
