#include "bindings/execution/execution.hpp"

namespace alphaforge::bindings {

void bind_execution(nb::module_ m) {
  bind_order(m);
  bind_order_change(m);
  bind_order_group(m);
  bind_instrument(m);
  bind_account(m);
  bind_execution_values(m);
  bind_execution_config(m);
  bind_execution_engine(m);
}

}  // namespace alphaforge::bindings
