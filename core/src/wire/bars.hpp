#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/bar.hpp"
#include "wire/writer.hpp"

namespace alphaforge::wire {

// Appends a field of type alphaforge.type.v1.Bar.
void encode_bar(Writer& writer, std::uint32_t field, const Bar& bar);
// Throws InvalidArgument: MESSAGE_MALFORMED, BAR_TYPE_INVALID, NUMBER_*.
Bar decode_bar(std::string_view message);

}  // namespace alphaforge::wire
