#pragma once

#include <nanobind/nanobind.h>

#include <string>

namespace alphaforge::bindings {

namespace nb = nanobind;

// A submodule whose classes have the public module's name, so that repr, help and pickle show `alphaforge_core.cache`
// instead of the extension.
inline nb::module_ submodule(nb::module_& parent, const char* name, const char* doc) {
  nb::module_ module = parent.def_submodule(name, doc);
  module.attr("__name__") = (std::string("alphaforge_core.") + name).c_str();
  return module;
}

// One counter of a statistics object built from keywords, as the client does with a service's counters.
template <class T>
void read_counter(const nb::kwargs& counters, const char* name, T& value) {
  if (counters.contains(name)) value = nb::cast<T>(counters[name]);
}

void bind_errors(nb::module_ m);
void bind_model(nb::module_ m);
void bind_time(nb::module_ m);
void bind_rpc_wire(nb::module_ m);
void bind_cache(nb::module_ m);
void bind_trade_tick_batch(nb::module_ m);
void bind_trade_rows(nb::module_ m);
void bind_cache_wire(nb::module_ m);
void bind_data(nb::module_ m);
void bind_data_config(nb::module_ m);
void bind_data_wire(nb::module_ m);
void bind_execution(nb::module_ m);
void bind_journal(nb::module_ m);

}  // namespace alphaforge::bindings
