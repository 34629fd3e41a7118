#include <cstdint>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/cache/value.hpp"
#include "bindings/cache/value_types.hpp"
#include "bindings/numbers.hpp"
#include "encoding/value.hpp"
#include "model/numbers.hpp"

namespace alphaforge::bindings {

namespace {

using wire::ValueKind;

nb::object checked(PyObject* object) {
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

nb::bytes to_bytes(std::string_view data) { return nb::bytes(data.data(), data.size()); }

nb::object decode(std::string_view encoded, int depth);

nb::object decode_big_int(std::string_view digits) {
  return nb::handle(reinterpret_cast<PyObject*>(&PyLong_Type))
      .attr("from_bytes")(to_bytes(digits), "big", nb::arg("signed") = true);
}

nb::object decode_items(const wire::ValueParts& parts, int depth) {
  if (parts.kind == ValueKind::kSet) {
    const nb::object set = checked(PySet_New(nullptr));
    wire::for_each_item(parts.content, [&](std::string_view item) {
      if (PySet_Add(set.ptr(), decode(item, depth + 1).ptr()) != 0) throw nb::python_error();
    });
    return set;
  }
  nb::list list;
  wire::for_each_item(parts.content, [&](std::string_view item) { list.append(decode(item, depth + 1)); });
  if (parts.kind == ValueKind::kTuple) return checked(PyList_AsTuple(list.ptr()));
  return list;
}

nb::object decode_map(std::string_view content, int depth) {
  const nb::object dict = checked(PyDict_New());
  wire::for_each_entry(content, [&](std::string_view encoded_key, std::string_view encoded_value) {
    if (!wire::is_scalar(wire::parse_value(encoded_key).kind)) wire::refuse_value("the key of a map is not a scalar");
    const nb::object key = decode(encoded_key, depth + 1);
    const nb::object value = decode(encoded_value, depth + 1);
    if (PyDict_SetItem(dict.ptr(), key.ptr(), value.ptr()) != 0) throw nb::python_error();
  });
  return dict;
}

nb::object decode_timedelta(std::string_view content) {
  const wire::TimeDeltaParts parts = wire::parse_timedelta(content);
  return value_types().timedelta(parts.days, parts.seconds, parts.microseconds);
}

nb::object decode_date(std::int64_t days) {
  constexpr std::int64_t kOrdinal1970 = 719163;
  return value_types().date.attr("fromordinal")(days + kOrdinal1970);
}

nb::object decode_datetime(std::string_view content) {
  const ValueTypes& types = value_types();
  const wire::DateTimeParts parts = wire::parse_datetime(content);
  nb::object zone = types.utc;
  if (!parts.zone_key.empty())
    zone = types.zoneinfo(to_str(parts.zone_key));
  else if (parts.utc_offset_us != 0)
    zone = types.timezone(types.timedelta(0, 0, parts.utc_offset_us));
  std::int64_t day_us = parts.local_us % wire::kDayUs;
  if (day_us < 0) day_us += wire::kDayUs;
  const nb::object date = decode_date((parts.local_us - day_us) / wire::kDayUs);
  const std::int64_t seconds = day_us / 1'000'000;
  return types.datetime(date.attr("year"), date.attr("month"), date.attr("day"), seconds / 3600, seconds / 60 % 60,
                        seconds % 60, day_us % 1'000'000, zone, nb::arg("fold") = parts.fold ? 1 : 0);
}

nb::object decode_scalar(const wire::NumpyParts& parts, const nb::object& dtype) {
  // Items of an array lose their trailing zeros, but a scalar must keep its own.
  if (parts.kind == 'S') return dtype.attr("type")(to_bytes(parts.data));
  if (parts.kind == 'U') {
    int order = parts.byte_order == '>' ? 1 : -1;
    return dtype.attr("type")(checked(
        PyUnicode_DecodeUTF32(parts.data.data(), static_cast<Py_ssize_t>(parts.data.size()), "surrogatepass", &order)));
  }
  return numpy_types().frombuffer(to_bytes(parts.data), dtype)[0];
}

nb::object decode_numpy(std::string_view content, bool is_array) {
  const NumpyTypes& types = numpy_types();
  const wire::NumpyParts parts = wire::parse_numpy(content, is_array);
  const nb::object dtype = types.dtype(to_str(parts.dtype));
  if (!is_array) return decode_scalar(parts, dtype);
  nb::list shape;
  for (const std::uint64_t length : parts.shape) shape.append(length);
  // An array of its own memory, so that it can be changed.
  if (parts.data.empty()) return types.empty(shape, dtype);
  return types.frombuffer(to_bytes(parts.data), dtype).attr("reshape")(shape).attr("copy")();
}

nb::object decode(std::string_view encoded, int depth) {
  using enum ValueKind;
  const wire::ValueParts parts = wire::parse_value(encoded);
  if (wire::is_container(parts.kind) && depth == wire::kValueDepthMax) wire::refuse_depth();
  switch (parts.kind) {
    case kNull:
      return nb::none();
    case kBool:
      return nb::bool_(parts.number != 0);
    case kInt:
      return checked(PyLong_FromLongLong(parts.number));
    case kDouble:
      return checked(PyFloat_FromDouble(parts.real));
    case kString:
      return to_str(parts.content);
    case kBytes:
      return to_bytes(parts.content);
    case kList:
    case kTuple:
    case kSet:
      return decode_items(parts, depth);
    case kMap:
      return decode_map(parts.content, depth);
    case kDecimal:
      return as_decimal(parts.content);
    case kDateTime:
      return decode_datetime(parts.content);
    case kDate:
      return decode_date(parts.number);
    case kTimeDelta:
      return decode_timedelta(parts.content);
    case kBigInt:
      return decode_big_int(parts.content);
    case kPrice:
      return nb::cast(price_of(parse_decimal(parts.content)));
    case kQuantity:
      return nb::cast(quantity_of(parse_decimal(parts.content)));
    case kNumpyScalar:
    case kNumpyArray:
      return decode_numpy(parts.content, parts.kind == kNumpyArray);
  }
  wire::refuse_value("a kind that this release doesn't know");
}

}  // namespace

nb::object decode_value(std::string_view encoded) {
  if (wire::is_plain_double(encoded)) return checked(PyFloat_FromDouble(wire::plain_double(encoded)));
  try {
    return decode(encoded, 0);
  } catch (nb::python_error& error) {
    // Errors that only Python detects: an unknown time zone, an exponent beyond Decimal's, an unhashable member.
    const bool is_of_value = error.matches(PyExc_Exception) && !error.matches(PyExc_MemoryError);
    if (!is_of_value || error.matches(PyExc_ImportError)) throw;
    throw InvalidArgument(Reason::VALUE_MALFORMED, std::string("malformed value: ") + error.what());
  } catch (const InvalidArgument& error) {
    if (error.reason() != Reason::MESSAGE_MALFORMED) throw;
    throw InvalidArgument(Reason::VALUE_MALFORMED, error.what());
  }
}

}  // namespace alphaforge::bindings
