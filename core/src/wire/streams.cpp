#include "wire/streams.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "encoding/reader.hpp"
#include "wire/bars.hpp"
#include "wire/orders.hpp"
#include "wire/trade_ticks.hpp"

namespace alphaforge::wire {

namespace {

// Reads the present field if it is one of the head; false for any other.
bool read_head_field(Reader& in, StreamHead& head, std::uint32_t gap_field) {
  if (in.field() == 1)
    head.epoch = in.fixed<std::uint64_t>();
  else if (in.field() == 2)
    head.sequence = in.uint();
  else if (in.field() == 3)
    head.previous_sequence = in.uint();
  else if (in.field() == gap_field)
    head.gap = in.bytes();
  else
    return false;
  return true;
}

}  // namespace

BarsResponse decode_bars_response(std::string_view message) {
  BarsResponse response;
  std::vector<std::string_view> closed, open;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 4:
        closed.push_back(in.bytes());
        break;
      case 5:
        in.append_varint(response.sequences, kTicksPerMessageMax);
        break;
      case 7:
        response.is_snapshot = in.uint() != 0;
        break;
      case 8:
        open.push_back(in.bytes());
        break;
      default:
        if (!read_head_field(in, response, 6)) in.skip();
    }
  closed.insert(closed.end(), open.begin(), open.end());
  response.bars = decode_bars(closed);
  return response;
}

TradesResponse decode_trades_response(std::string_view message) {
  TradesResponse response;
  std::optional<std::string_view> ticks;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 4:
        ticks = in.bytes();
        break;
      case 5:
        in.append_varint(response.sequences, kTicksPerMessageMax);
        break;
      default:
        if (!read_head_field(in, response, 6)) in.skip();
    }
  if (ticks) response.ticks = decode_trade_ticks(*ticks);
  return response;
}

EventsResponse decode_events_response(std::string_view message) {
  EventsResponse response;
  Reader in(message);
  while (in.next()) {
    if (in.field() == 4)
      response.events.push_back(decode_event(in.bytes()));
    else if (!read_head_field(in, response, 5))
      in.skip();
  }
  return response;
}

EventsPage decode_events_page(std::string_view message) {
  EventsPage page;
  Reader in(message);
  while (in.next()) {
    if (in.field() == 1)
      page.events.push_back(decode_event(in.bytes()));
    else if (in.field() == 2)
      page.next_sequence = in.uint();
    else
      in.skip();
  }
  return page;
}

}  // namespace alphaforge::wire
