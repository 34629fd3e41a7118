#include "bindings.hpp"

NB_MODULE(_native, m) {
  using namespace alphaforge::bindings;
  // Engines that live until the interpreter ends are not leaks; a sanitizer build still reports them.
#ifdef NDEBUG
  nb::set_leak_warnings(false);
#endif
  m.doc() = "The engines. Import alphaforge_core.cache and its siblings instead.";
  bind_errors(submodule(m, "errors", "How C++ errors arrive in Python."));
  bind_model(submodule(m, "model", "Prices, quantities, ticks and bars."));
  bind_time(submodule(m, "time", "Nanoseconds since the Unix epoch."));
  bind_cache(submodule(m, "cache", "An LRU cache with time to live."));
  bind_cache_wire(submodule(m, "cache_wire", "The cache service's messages and values as bytes."));
  bind_data(submodule(m, "data", "Trade ticks to bars."));
  bind_execution(submodule(m, "execution", "Orders on a simulated venue."));
}
