#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::wire {

inline constexpr std::size_t kTicksPerMessageMax = 1'000'000;

// A message alphaforge.type.v1.TradeTickColumns as a batch, checked.
// Throws InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED, NUMBER_OUT_OF_RANGE, and what TradeTickBatch::validate()
// throws.
TradeTickBatch decode_trade_ticks(std::string_view message);
// Appends the fields of the message. Mantissas are written with nine places.
void encode_trade_ticks(const TradeTickBatch& batch, std::string& out);

// A message alphaforge.type.v1.TradeTick. Decoding throws as making a tick does.
TradeTick decode_trade_tick(std::string_view message);
void encode_trade_tick(const TradeTick& tick, std::string& out);

}  // namespace alphaforge::wire
