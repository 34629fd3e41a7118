#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "encoding/fields.hpp"
#include "encoding/reader.hpp"

namespace alphaforge::wire {

// The head of every request: the name of the cache or engine (field 1) and its epoch (field 2). The texts are views of
// the message.
struct RequestHead {
  std::string_view name;               // empty: "default"
  std::optional<std::uint64_t> epoch;  // none: any
  std::string_view request_id;         // field 3 of requests that can be repeated; empty: none
};

// Reads the present field if it is 1 or 2; false for any other.
inline bool read_head_field(Reader& reader, RequestHead& head) {
  if (reader.field() == 1)
    head.name = text_of(reader);
  else if (reader.field() == 2)
    head.epoch = reader.fixed<std::uint64_t>();
  else
    return false;
  return true;
}

// The head of any request; its other fields are skipped. Field 3 is read only with `with_request_id`, since in some
// requests it is something else. Throws InvalidArgument MESSAGE_MALFORMED.
inline RequestHead decode_head(std::string_view message, bool with_request_id) {
  RequestHead head;
  Reader reader(message);
  while (reader.next()) {
    if (read_head_field(reader, head)) continue;
    if (with_request_id && reader.field() == 3)
      head.request_id = text_of(reader);
    else
      reader.skip();
  }
  return head;
}

// How often a field occurs in a message, of which nothing is decoded. Throws InvalidArgument MESSAGE_MALFORMED.
inline std::size_t count_items(std::string_view message, std::uint32_t field) {
  std::size_t count = 0;
  for (Reader reader(message); reader.next(); reader.skip()) count += reader.field() == field ? 1 : 0;
  return count;
}

}  // namespace alphaforge::wire
