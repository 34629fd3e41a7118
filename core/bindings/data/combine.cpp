#include "data/combine.hpp"

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/data/config.hpp"
#include "bindings/data/data.hpp"
#include "bindings/gil.hpp"
#include "bindings/model/model.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

nb::list combine_bars(nb::iterable given, nb::handle bar_type, bool with_open, nb::handle calendars) {
  const auto type = std::make_shared<const BarType>(to_bar_type(bar_type));
  if (!closes_by_time(type->kind))
    throw InvalidArgument(Reason::BAR_TYPE_INVALID, "bars can be combined into time bars, not into " + type->name);
  const std::vector<std::string> texts = to_names(calendars, "calendars");
  const Grid grid(*type, 0, {parse_time_zones(time_zones_of({type->name}, {}, texts)), parse_calendars(texts)});
  std::vector<Bar> bars;
  for (nb::handle bar : given) {
    if (!nb::isinstance<Bar>(bar))
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, "bars[" + std::to_string(bars.size()) + "] must be a Bar, not " +
                                                           nb::type_name(bar.type()).c_str());
    bars.push_back(nb::cast<const Bar&>(bar));
  }
  return to_list(without_gil([&] { return data::combine_bars(bars, type, grid, with_open); }));
}

}  // namespace

void bind_combine_bars(nb::module_ m) {
  m.def(
      "combine_bars", &combine_bars, "bars"_a, "bar_type"_a, nb::kw_only(), "with_open"_a = false,
      "calendars"_a = nb::tuple(),
      nb::sig("def combine_bars(bars: collections.abc.Iterable[alphaforge_core.model.Bar], bar_type: "
              "alphaforge_core.model.BarType | str, *, with_open: bool = False, calendars: "
              "collections.abc.Sequence[alphaforge_core.model.TradingCalendar | str] = ()) -> "
              "list[alphaforge_core.model.Bar]"),
      "Time bars of `bar_type` from shorter ones, in order of closing (rule 2.17).\n\n"
      "bars: those of an instrument in order of time, in their latest revisions, as get_bars() returns them.\n"
      "with_open: also return the last bars that haven't ended, as partial.\n"
      "calendars: the trading calendar that `bar_type` names; bars outside of its sessions are left out.\n\n"
      "Raises ValueError: BAR_TYPE_INVALID for bars that don't lie within one of that type, TIME_OUT_OF_RANGE for bars "
      "that\noverlap or go back in time, VALUE_OVERFLOW.");
}

}  // namespace alphaforge::bindings
