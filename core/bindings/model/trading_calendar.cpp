#include "model/trading_calendar.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/operators.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "bindings/bindings.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "model/span.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// The ordinal of 1970-01-01 in Python.
constexpr std::int64_t kEpochOrdinal = 719'163;

nb::list calendar_sessions(const TradingCalendar& self) {
  const nb::object date = nb::module_::import_("datetime").attr("date");
  nb::list sessions;
  auto part = self.parts().begin();
  for (std::size_t i = 0; i != self.dates().size(); ++i) {
    nb::list parts;
    for (; part != self.parts().end() && part->start < self.sessions()[i].end; ++part)
      parts.append(nb::make_tuple(part->start, part->end));
    sessions.append(nb::make_tuple(date.attr("fromordinal")(kEpochOrdinal + self.dates()[i]), parts));
  }
  return sessions;
}

}  // namespace

void bind_trading_calendar(nb::module_ m) {
  nb::class_<TradingCalendar> type(
      m, "TradingCalendar", nb::is_final(),
      "The sessions of a market by date, with their breaks (rule 3.31). Immutable; equal if the texts are equal.\n\n"
      ">>> calendar = TradingCalendar(\"XNYS 2024-07-01w2 13:30-20:00 2024-07-03 13:30-17:00\")\n"
      ">>> [str(date) for date, parts in calendar.sessions]\n"
      "['2024-07-01', '2024-07-02', '2024-07-03']");
  type.def(
          "__init__",
          [](TradingCalendar* self, nb::handle text) {
            new (self) TradingCalendar(TradingCalendar::parse(to_text(text, "calendar")));
          },
          any("text"), nb::sig("def __init__(self, text: str) -> None"),
          "text: a name, then dates, each followed by times in UTC. `2024-01-02` is a date, `2024-01-02x3` three dates "
          "in a row,\n`2024-01-02w3` three without Saturdays and Sundays; times are `14:30-21:00`, with a break "
          "`01:30-04:00,05:00-08:00`. A\ntime that isn't before the next one is on the day before: `22:00-21:00`.\n\n"
          "Raises InvalidArgument (a ValueError, SETTING_INVALID).")
      .def_prop_ro(
          "name", [](const TradingCalendar& self) { return to_str(self.name()); }, "Its name, such as \"XNYS\".")
      .def_prop_ro("sessions", &calendar_sessions,
                   nb::sig("def sessions(self) -> list[tuple[datetime.date, list[tuple[int, int]]]]"),
                   "Each session's date and parts, from open to close in nanoseconds; between the parts are breaks.")
      .def("__str__", [](const TradingCalendar& self) { return to_str(self.text()); })
      .def("__repr__",
           [](const TradingCalendar& self) { return nb::str("TradingCalendar({!r})").format(to_str(self.text())); })
      .def(
          "__eq__",
          [](const TradingCalendar& self, nb::handle other) {
            return nb::isinstance<TradingCalendar>(other) &&
                   nb::cast<const TradingCalendar&>(other).text() == self.text();
          },
          nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const TradingCalendar& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.text())); })
      .def(
          "__reduce__", [](nb::handle self) { return nb::make_tuple(self.type(), nb::make_tuple(nb::str(self))); },
          nb::sig("def __reduce__(self) -> tuple[type, tuple[str]]"));
  bind_copies(type);
}

std::string to_calendar(nb::handle value) {
  if (nb::isinstance<TradingCalendar>(value)) return nb::cast<const TradingCalendar&>(value).text();
  const std::string_view text = to_text(value, "calendar");
  return text.empty() ? std::string() : TradingCalendar::parse(text).text();
}

}  // namespace alphaforge::bindings
