#include "bindings.hpp"

namespace alphaforge::bindings {

void bind_cache(nb::module_) {}

}  // namespace alphaforge::bindings
