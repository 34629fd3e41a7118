#include "execution/event_log.hpp"

#include <algorithm>
#include <cstdint>

#include "execution/checkpoint.hpp"

namespace alphaforge::execution {

void EventLog::tell_checkpoint(std::int64_t sequence) const {
  checkpoint_.get()->before_drop(std::min(sequence, last_sequence()));
}

}  // namespace alphaforge::execution
