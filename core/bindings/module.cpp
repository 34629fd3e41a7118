#include "bindings/bindings.hpp"
#include "bindings/execution/execution.hpp"

NB_MODULE(_native, m) {
  using namespace alphaforge::bindings;
  // Engines that live until the interpreter ends are not leaks; a sanitizer build still reports them.
#ifdef NDEBUG
  nb::set_leak_warnings(false);
#endif
  m.doc() = "The engines. Import alphaforge_core.cache and its siblings instead.";
  bind_errors(submodule(m, "errors", "The exceptions of C++ errors."));
  bind_model(submodule(m, "model", "Prices, quantities, ticks and bars."));
  bind_trade_rows(submodule(m, "trade_rows", "Rows of files as ticks."));
  bind_time(submodule(m, "time", "Nanoseconds since the Unix epoch."));
  bind_rpc_wire(submodule(m, "rpc_wire", "The head of requests, for the services."));
  bind_cache(submodule(m, "cache", "An LRU cache with time to live."));
  bind_cache_wire(submodule(m, "cache_wire", "Codecs of the cache service."));
  bind_data(submodule(m, "data", "Bars from trade ticks."));
  bind_data_wire(submodule(m, "data_wire", "Codecs of the data service."));
  bind_execution(submodule(m, "execution", "Orders on a simulated venue."));
  bind_execution_wire(submodule(m, "execution_wire", "Codecs of the execution service."));
  bind_journal(submodule(m, "journal", "For the services' journals."));
}
