#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "model/grid.hpp"

namespace alphaforge {

inline constexpr std::size_t kSessionBytesMax = 128;
inline constexpr std::size_t kZoneRulesBytesMax = 65'536;

// The days of an instrument: a time zone, perhaps with the start of its sessions, as in `America/New_York+17:00`. The
// grammar is that of bars of days (rule 2.15), after `1day@`.

// The one name of equal sessions; empty for the days of UTC. Throws InvalidArgument SETTING_INVALID.
std::string canonical_session(std::string_view session);
// The bars of days that have its name.
std::string bar_type_of_session(const std::string& session);
// Its days, by the rules of its time zone, which a session of UTC needs not; null for an empty session. Throws
// InvalidArgument SETTING_INVALID.
std::unique_ptr<const Grid> make_days(const std::string& session, const std::string& zone_rules);

}  // namespace alphaforge
