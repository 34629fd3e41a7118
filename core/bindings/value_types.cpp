#include "value_types.hpp"

#include "model/numbers.hpp"

namespace alphaforge::bindings {

ValueTypes::ValueTypes() {
  decimal = nb::module_::import_("decimal").attr("Decimal");
  const nb::module_ datetimes = nb::module_::import_("datetime");
  timezone = datetimes.attr("timezone");
  utc = timezone.attr("utc");
  timedelta = datetimes.attr("timedelta");
  datetime = datetimes.attr("datetime");
  date = datetimes.attr("date");
  zoneinfo = nb::module_::import_("zoneinfo").attr("ZoneInfo");
  const nb::module_ numpy = nb::module_::import_("numpy");
  numpy_array = numpy.attr("ndarray");
  numpy_generic = numpy.attr("generic");
  numpy_dtype = numpy.attr("dtype");
  numpy_frombuffer = numpy.attr("frombuffer");
  numpy_empty = numpy.attr("empty");
  price = nb::type<Price>();
  quantity = nb::type<Quantity>();
}

const ValueTypes& value_types() {
  static const auto* const types = new ValueTypes;
  return *types;
}

}  // namespace alphaforge::bindings
