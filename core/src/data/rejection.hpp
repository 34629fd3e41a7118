#pragma once

#include <cstdint>
#include <string>

#include "base/reason.hpp"

namespace alphaforge {
struct TradeTickBatch;
}

namespace alphaforge::data {

// A refused tick: its position in the call, and the reason.
struct Rejection {
  std::uint32_t row;
  Reason reason;
};

// The rejection as a message: the refused value, and what is accepted.
std::string message_of(const Rejection& rejection, const TradeTickBatch& ticks);

}  // namespace alphaforge::data
