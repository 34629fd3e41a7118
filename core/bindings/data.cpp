#include "bindings.hpp"

namespace alphaforge::bindings {

void bind_data(nb::module_) {}

}  // namespace alphaforge::bindings
