// The messages of the execution service; and orders that were accepted go through a venue.
#include "wire/orders.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "execution/config.hpp"
#include "execution/venue.hpp"
#include "fuzz.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick.hpp"

using namespace alphaforge;

namespace {

template <class Value>
void read_and_write(std::string_view bytes, Value (*decode)(std::string_view), std::string (*encode)(const Value&)) {
  fuzz::accepts([&] {
    // Encoded twice, since a field equal to its default is omitted, and then read as the value's own default.
    const std::string written = encode(decode(encode(decode(bytes))));
    fuzz::demand(encode(decode(written)) == written, "what is written is read");
  });
}

void submit(std::string_view bytes) {
  execution::ExecutionConfig config;
  config.max_time_jump_ns = 0;
  config.max_instruments = 2;
  config.max_final_orders = 3;
  execution::Venue venue(config);
  std::int64_t now = 0;
  for (const wire::ReceivedOrder& received : wire::decode_submit_orders(bytes)) {
    if (received.error) continue;
    fuzz::accepts([&] { venue.submit(received.item, ++now); });
    const Price price = received.item.price.value_or(Price{kUnit});
    venue.process({received.item.symbol, price, {kUnit}, AggressorSide::kNone, "", now}, now);
  }
  fuzz::demand(venue.validate().empty(), "the venue is sound");
  execution::Venue other(config);
  other.restore(venue.snapshot());
  fuzz::demand(other.state_hash() == venue.state_hash(), "a restored venue has the state of the first");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::view(data, size);
  fuzz::accepts([&] { submit(bytes); });
  fuzz::accepts([&] { wire::decode_submit_order(bytes); });
  read_and_write(bytes, &wire::decode_order, &wire::encode_order);
  read_and_write(bytes, &wire::decode_fill, &wire::encode_fill);
  read_and_write(bytes, &wire::decode_position, &wire::encode_position);
  read_and_write(bytes, &wire::decode_event, &wire::encode_event);
  return 0;
}
