#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/bar.hpp"
#include "wire/writer.hpp"

namespace alphaforge::wire {

// Appends a field of type alphaforge.type.v1.Bar.
void encode_bar(Writer& writer, std::uint32_t field, const Bar& bar);
// All bars of a message, those of the given field; its other fields are skipped. They share what they have in common.
// Throws InvalidArgument: MESSAGE_MALFORMED, BAR_TYPE_INVALID, NUMBER_*.
std::vector<Bar> decode_bars(std::string_view message, std::uint32_t field);

}  // namespace alphaforge::wire
