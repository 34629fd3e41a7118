#include "bindings/cache/value_types.hpp"

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
  price = nb::type<Price>();
  quantity = nb::type<Quantity>();
}

const ValueTypes& value_types() {
  static const auto* const types = new ValueTypes;
  return *types;
}

NumpyTypes::NumpyTypes() {
  const nb::object numpy = nb::module_::import_("alphaforge_core._numpy").attr("numpy")();
  array = numpy.attr("ndarray");
  generic = numpy.attr("generic");
  dtype = numpy.attr("dtype");
  frombuffer = numpy.attr("frombuffer");
  empty = numpy.attr("empty");
}

const NumpyTypes& numpy_types() {
  static const auto* const types = new NumpyTypes;
  return *types;
}

bool is_numpy_imported() { return nb::steal(PyImport_GetModule(nb::str("numpy").ptr())).is_valid(); }

}  // namespace alphaforge::bindings
