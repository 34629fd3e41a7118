#include "bindings.hpp"

namespace alphaforge::bindings {

void bind_execution(nb::module_) {}

}  // namespace alphaforge::bindings
