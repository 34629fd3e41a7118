#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge::execution {

inline constexpr std::string_view kSnapshotMagic = "AlphaForge venue";
// The format versions of a snapshot taken at once (odd) and of one written in the background (even). Increase both by
// two with every change of the format; restore.cpp reads the earlier ones.
inline constexpr std::int64_t kSnapshotVersion = 17;
inline constexpr std::int64_t kPiecesVersion = 18;
// The first that has reduce-only and trailing stops.
inline constexpr std::int64_t kOptionsVersion = 3;
// The first that has groups of orders.
inline constexpr std::int64_t kGroupsVersion = 5;
// The first that has registered instruments.
inline constexpr std::int64_t kDefinitionsVersion = 7;
// The first that has accounts.
inline constexpr std::int64_t kAccountsVersion = 9;
// The first that has offsets in ticks, and trailing stops and reduce-only orders in groups.
inline constexpr std::int64_t kTicksVersion = 11;
// The first that has sessions of instruments.
inline constexpr std::int64_t kSessionsVersion = 13;
// The first that has calendars of instruments.
inline constexpr std::int64_t kCalendarsVersion = 15;
// The first that has negative prices, and kNoPrice.
inline constexpr std::int64_t kNegativePricesVersion = 17;

}  // namespace alphaforge::execution
