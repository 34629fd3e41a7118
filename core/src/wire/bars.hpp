#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "encoding/writer.hpp"
#include "model/bar.hpp"

namespace alphaforge::wire {

// Appends a field of type alphaforge.type.v1.Bar.
void encode_bar(Writer& writer, std::uint32_t field, const Bar& bar);
// Decodes all bars in the given field of a message, skipping other fields. Equal names and types are shared.
// Throws InvalidArgument: MESSAGE_MALFORMED, BAR_TYPE_INVALID, NUMBER_*.
std::vector<Bar> decode_bars(std::string_view message, std::uint32_t field);
// The same for the messages of single bars.
std::vector<Bar> decode_bars(std::span<const std::string_view> messages);

// A GetBarsResponse with the newest `limit` bars; it says whether there are more.
std::string encode_get_bars_response(std::span<const Bar> bars, std::size_t limit);
struct GetBarsResponse {
  std::vector<Bar> bars;
  bool has_more = false;
};
GetBarsResponse decode_get_bars_response(std::string_view message);

}  // namespace alphaforge::wire
