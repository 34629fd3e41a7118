#pragma once

#include <cstdint>

namespace alphaforge {

// The version of the engines' rules. Increase it whenever the same inputs give a different state, answer or event.
// Journals record it with each input: a release replays only inputs of its own version, so that no release has to keep
// earlier rules.
inline constexpr std::int32_t kSemantics = 2;

}  // namespace alphaforge
