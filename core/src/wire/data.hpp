#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason.hpp"
#include "model/bar.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::wire {

inline constexpr std::size_t kBarTypesPerMessageMax = 32;

// alphaforge.data.v1.ProcessTradeTickRequest (one tick) and ProcessTradeTicksRequest (columns) differ in one field
// only.
struct ProcessRequest {
  std::string engine;                  // empty: "default"
  std::optional<std::uint64_t> epoch;  // none: any
  TradeTickBatch ticks;
  std::string producer_id;  // empty: unnumbered
  std::uint64_t producer_sequence = 0;
  std::vector<std::string> bar_types;  // the wanted ones, each once; empty: all
  bool with_tick_indexes = false;
};

struct RejectedTick {
  std::uint32_t index = 0;
  Reason reason = Reason::INTERNAL;
  std::string message;
};

// alphaforge.data.v1.ProcessTradeTickResponse and ProcessTradeTicksResponse, which are equal.
struct ProcessResponse {
  std::vector<const Bar*> bars;  // to be written; decode_bars() reads them, from field 1
  std::vector<RejectedTick> rejected;
  std::uint64_t producer_sequence = 0;
  std::uint64_t epoch = 0;
  bool is_repeat = false;
  std::uint64_t processed_count = 0;
  std::uint32_t left_count = 0;             // ticks at the end of the batch that were not taken
  std::vector<std::uint32_t> tick_indexes;  // per bar the tick that closed or corrected it, if asked for
  std::vector<std::uint32_t> duplicate_indexes;
};

// Decoding throws InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED, and what the ticks throw.
ProcessRequest decode_tick_request(std::string_view message);
ProcessRequest decode_ticks_request(std::string_view message);
std::string encode_tick_request(const ProcessRequest& request);  // of the first tick
std::string encode_ticks_request(const ProcessRequest& request);
// The same for a tick alone, and the producer's fields; concatenated, they are one request.
std::string encode_tick_request(const TradeTick& tick);
std::string encode_producer(std::string_view producer_id, std::uint64_t producer_sequence);

ProcessResponse decode_process_response(std::string_view message);
std::string encode_process_response(const ProcessResponse& response);

}  // namespace alphaforge::wire
