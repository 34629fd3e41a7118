#pragma once

#include <cstdint>
#include <string>

#include "base/reason.hpp"

namespace alphaforge {
struct TradeTickBatch;
}

namespace alphaforge::data {

// A tick that a rule refused: its place in the call, and why.
struct Rejection {
  std::uint32_t row;
  Reason reason;
};

// The same for people: what was refused, and what would have been accepted.
std::string message_of(const Rejection& rejection, const TradeTickBatch& ticks);

}  // namespace alphaforge::data
