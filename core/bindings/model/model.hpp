#pragma once

#include <string>

#include "bindings/bindings.hpp"
#include "model/bar_type.hpp"

namespace alphaforge::bindings {

// A BarType, or the name of one; see numbers.hpp for what is thrown.
BarType to_bar_type(nb::handle value);

// The text of a TradingCalendar, or a text that one could be made of; empty for none.
std::string to_calendar(nb::handle value);

// The classes of alphaforge_core.model, in the order in which they need each other.
void bind_numbers(nb::module_ m);
void bind_trade_tick(nb::module_ m);
void bind_bar(nb::module_ m);
void bind_trading_calendar(nb::module_ m);

// Values of this package don't change: a copy, deep or not, is the object itself.
template <typename T>
void bind_copies(nb::class_<T>& type) {
  type.def(
          "__copy__", [](nb::object self) { return self; }, nb::sig("def __copy__(self) -> typing.Self"))
      .def(
          "__deepcopy__", [](nb::object self, nb::handle) { return self; }, nb::arg("memo"),
          nb::sig("def __deepcopy__(self, memo: object, /) -> typing.Self"));
}

}  // namespace alphaforge::bindings
