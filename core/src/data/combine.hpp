#pragma once

#include <memory>
#include <vector>

#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge::data {

// Combines time bars into longer ones (rule 2.17), in order of closing. With `with_open`, also returns the last ones,
// which haven't ended, as partial. Throws InvalidArgument TIME_OUT_OF_RANGE, VALUE_OVERFLOW.
std::vector<Bar> combine_bars(const std::vector<Bar>& bars, const std::shared_ptr<const BarType>& type,
                              const Grid& grid, bool with_open);

}  // namespace alphaforge::data
