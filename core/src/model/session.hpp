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
// The name of the bar type of its days: `1day@` and the session, or `1day` for an empty one.
std::string bar_type_of_session(const std::string& session);
// The days of a session, by the rules of its time zone (empty for UTC); null for an empty session. Throws
// InvalidArgument SETTING_INVALID.
std::unique_ptr<const Grid> make_days(const std::string& session, const std::string& zone_rules);

}  // namespace alphaforge
