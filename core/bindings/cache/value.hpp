#pragma once

#include <string>
#include <string_view>

#include "bindings/bindings.hpp"

namespace alphaforge::bindings {

// Python objects as encoded alphaforge.cache.v1.Value messages, and back. Both need the GIL, and both may run Python
// code: no engine may be locked.

// Appends the encoding. Throws UnsupportedValue (a TypeError) for a type that can't be stored, InvalidArgument
// VALUE_TOO_LARGE or VALUE_TOO_DEEP.
void encode_value(nb::handle value, std::string& out);

// Throws InvalidArgument VALUE_MALFORMED or VALUE_TOO_DEEP for bytes that are no Value.
nb::object decode_value(std::string_view encoded);

}  // namespace alphaforge::bindings
