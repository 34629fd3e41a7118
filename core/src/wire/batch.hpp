#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"

namespace alphaforge::wire {

inline constexpr std::size_t kOrdersPerMessageMax = 100'000;

// One item of a request about many orders: the item, or why it is malformed. Then it has only its order_id. The engine
// checks the rules of items.
template <class Item>
struct Received {
  Item item;
  std::optional<Reason> error;
  std::string error_message;
};

// Malformed bytes are an error of the request; any other error is the item's.
template <class Item>
Received<Item> receive(std::string_view message, Item (*decode)(std::string_view)) {
  Received<Item> received;
  try {
    received.item = decode(message);
  } catch (const InvalidArgument& error) {
    if (error.reason() == Reason::MESSAGE_MALFORMED) throw;
    received.error = error.reason();
    received.error_message = error.what();
    Reader in(message);
    while (in.next()) {
      if (in.field() == 1)
        received.item.order_id = text_of(in);
      else
        in.skip();
    }
  }
  return received;
}

// The items in a field of a request. `does` says what the request does with orders. Throws InvalidArgument:
// MESSAGE_MALFORMED, LIMIT_EXCEEDED beyond kOrdersPerMessageMax.
template <class Item>
std::vector<Received<Item>> receive_all(std::string_view request, std::uint32_t field, const char* does,
                                        Item (*decode)(std::string_view)) {
  // Items are counted first, because an item takes much more memory than its message.
  std::vector<std::string_view> messages;
  Reader in(request);
  while (in.next()) {
    if (in.field() != field) {
      in.skip();
      continue;
    }
    if (messages.size() == kOrdersPerMessageMax)
      throw InvalidArgument(Reason::LIMIT_EXCEEDED, std::string("a call ") + does + " at most " +
                                                        std::to_string(kOrdersPerMessageMax) +
                                                        " orders, and this one has more; send it in parts");
    messages.push_back(in.bytes());
  }
  std::vector<Received<Item>> items;
  items.reserve(messages.size());
  for (const std::string_view message : messages) items.push_back(receive(message, decode));
  return items;
}

}  // namespace alphaforge::wire
