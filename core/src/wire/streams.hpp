#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encoding/reader.hpp"
#include "model/bar.hpp"
#include "model/order.hpp"
#include "model/trade_tick_batch.hpp"

// Responses with many items, each decoded once: the messages of subscriptions, and pages of lists. Decoding throws
// InvalidArgument: MESSAGE_MALFORMED, and what the items throw.

namespace alphaforge::wire {

// The head of the messages of every subscription.
struct StreamHead {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;           // the last that the message covers
  std::uint64_t previous_sequence = 0;  // of the previous message
  std::optional<std::string> gap;       // a Gap's bytes
};

// alphaforge.data.v1.SubscribeBarsResponse.
struct BarsResponse : StreamHead {
  std::vector<Bar> bars;  // closed ones, then open ones
  std::vector<std::uint64_t> sequences;
  bool is_snapshot = false;
};
BarsResponse decode_bars_response(std::string_view message);

// alphaforge.data.v1.SubscribeTradesResponse.
struct TradesResponse : StreamHead {
  TradeTickBatch ticks;
  std::vector<std::uint64_t> sequences;  // of the ticks; empty: they are consecutive and end at `sequence`
};
TradesResponse decode_trades_response(std::string_view message);

// alphaforge.execution.v1.SubscribeOrderEventsResponse.
struct EventsResponse : StreamHead {
  std::vector<OrderEvent> events;
};
EventsResponse decode_events_response(std::string_view message);

// alphaforge.execution.v1.ListOrderEventsResponse.
struct EventsPage {
  std::vector<OrderEvent> events;
  std::uint64_t next_sequence = 0;  // 0: this is the last page
};
EventsPage decode_events_page(std::string_view message);

// ListOrdersResponse, ListFillsResponse, ListPositionsResponse; GetOrderResponse is like the first.
template <class T>
struct Page {
  std::vector<T> items;
  std::string_view next_page_token;  // of the message; empty: this is the last page
};
template <class T>
Page<T> decode_page(std::string_view message, T (*decode)(std::string_view)) {
  Page<T> page;
  Reader in(message);
  while (in.next()) {
    if (in.field() == 1)
      page.items.push_back(decode(in.bytes()));
    else if (in.field() == 2)
      page.next_page_token = in.bytes();
    else
      in.skip();
  }
  return page;
}

}  // namespace alphaforge::wire
