#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/numbers.hpp"

namespace alphaforge::execution {

// The progress of a venue's validation, and what was found.
struct Validation {
  static constexpr std::size_t kViolationsMax = 1'000;

  void expect(bool holds, const char* what, std::string_view subject) {
    if (!holds && violations.size() < kViolationsMax)
      violations.push_back(std::string(what) + ": " + std::string(subject));
  }

  int items_max = 256;  // orders, instruments or levels of one part, which takes about 100 us
  std::vector<std::string> violations;
  std::int64_t last_order = 0;  // number of the last order to check
  std::int64_t order = 0;       // number of the last order checked
  std::int64_t stretch = -1;    // the first number of the last stretch of the history
  std::size_t instrument = 0;   // the next instrument to check
  std::size_t levels = 0;       // which of its levels to check next
  std::optional<Price> price;   // of the last level checked; none before the first
};

}  // namespace alphaforge::execution
