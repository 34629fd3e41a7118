#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge::data {

inline constexpr std::string_view kSnapshotMagic = "AlphaForge data engine";
// To be raised with every change of what describe() writes; the release notes say what becomes of older snapshots.
inline constexpr std::int64_t kSnapshotVersion = 1;

}  // namespace alphaforge::data
