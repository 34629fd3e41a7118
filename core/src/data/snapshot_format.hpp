#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge::data {

inline constexpr std::string_view kSnapshotMagic = "AlphaForge data engine";
// The format versions of a snapshot taken at once and of one written in the background. Increase beyond both with every
// change of the format; the release notes describe the handling of older snapshots.
inline constexpr std::int64_t kSnapshotVersion = 1;
inline constexpr std::int64_t kPiecesVersion = 2;

}  // namespace alphaforge::data
