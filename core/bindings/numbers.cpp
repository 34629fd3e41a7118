#include "bindings/numbers.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "model/numbers.hpp"

namespace alphaforge::bindings {

namespace {

std::string name_of_type(nb::handle value) { return nb::type_name(value.type()).c_str(); }

[[noreturn]] void unsupported(nb::handle value, const char* what, const char* expected) {
  throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                         std::string(what) + " must be " + expected + ", not " + name_of_type(value));
}

constexpr const char* kNumber = "an int, str, Decimal, float or NumPy number";

// decimal.Decimal; lives as long as the process. Not a guarded static: an import may hand the GIL to a thread that
// would then wait for the guard. At worst two threads look it up.
nb::handle decimal_type() {
  static PyObject* type = nullptr;
  if (type == nullptr) type = nb::object(nb::module_::import_("decimal").attr("Decimal")).release().ptr();
  return type;
}

// NumPy's floating scalar types; none in a process that has not imported NumPy, which then has no such scalars either.
struct NumpyFloats {
  nb::handle floating, float32;
};

NumpyFloats numpy_floats() {
  static NumpyFloats types;
  if (types.floating.is_valid()) return types;
  const nb::object numpy = nb::steal(PyImport_GetModule(nb::str("numpy").ptr()));
  if (numpy.is_valid()) {
    types.float32 = nb::object(numpy.attr("float32")).release();
    types.floating = nb::object(numpy.attr("floating")).release();
  }
  return types;
}

[[noreturn]] void out_of_range(const char* what) {
  throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, std::string(what) + " is out of range: an int beyond 128 bits");
}

// A Python int; `value` is one.
int128 from_int(nb::handle value, const char* what) {
  int overflow = 0;
  const long long small = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow == 0) return small;
  const nb::object high = nb::steal(PyNumber_Rshift(value.ptr(), nb::int_(64).ptr()));
  if (!high.is_valid()) throw nb::python_error();
  const long long upper = PyLong_AsLongLongAndOverflow(high.ptr(), &overflow);
  if (overflow != 0) out_of_range(what);
  const unsigned long long lower = PyLong_AsUnsignedLongLongMask(value.ptr());
  return static_cast<int128>(static_cast<uint128>(upper) << 64 | lower);
}

int128 scale_up(int128 value, int places, const char* what) {
  int128 scale = 1;
  for (int i = 0; i < places; ++i) scale *= 10;
  int128 mantissa = 0;
  if (__builtin_mul_overflow(value, scale, &mantissa)) out_of_range(what);
  return mantissa;
}

std::string text_of(nb::handle value) { return nb::str(value).c_str(); }

// A NumPy integer, or any other object with `__index__`, as an int; null for others, including NumPy's booleans.
nb::object as_index(nb::handle value) {
  if (!PyIndex_Check(value.ptr())) return {};
  PyObject* const index = PyNumber_Index(value.ptr());
  if (index == nullptr) PyErr_Clear();
  return nb::steal(index);
}

// Decimal, NumPy scalars and subclasses: anything that is not exactly a float, int or str.
int128 from_foreign(nb::handle value, const char* what) {
  PyObject* const object = value.ptr();
  if (PyFloat_Check(object)) return decimal_of(PyFloat_AS_DOUBLE(object), what);
  if (PyLong_Check(object)) return scale_up(from_int(value, what), kPlaces, what);
  if (PyUnicode_Check(object)) return parse_decimal(to_text(value, what), kPlaces, what);
  if (nb::isinstance(value, decimal_type())) return parse_decimal(text_of(value), kPlaces, what);
  const NumpyFloats numpy = numpy_floats();
  if (numpy.floating.is_valid() && nb::isinstance(value, numpy.floating)) {
    if (value.type().is(numpy.float32)) return decimal_of(static_cast<float>(PyFloat_AsDouble(object)), what);
    // float16 and long double know their own shortest decimal.
    return parse_rounded(text_of(value), kPlaces, what);
  }
  if (const nb::object index = as_index(value); index.is_valid()) {
    return scale_up(from_int(index, what), kPlaces, what);
  }
  unsupported(value, what, kNumber);
}

std::int64_t to_int64(nb::handle value, const char* what, Reason reason) {
  nb::object index;
  if (!PyLong_CheckExact(value.ptr())) {
    if (!PyBool_Check(value.ptr())) index = as_index(value);
    if (!index.is_valid()) unsupported(value, what, "an int");
    value = index;
  }
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow != 0) throw InvalidArgument(reason, std::string(what) + " does not fit 64 bits");
  return number;
}

// Whether the value has exactly that type and is initialized, which `Price.__new__(Price)` alone is not.
bool is_exactly(nb::handle value, nb::handle type) { return value.type().is(type) && nb::inst_ready(value); }

// Registered before the first call of any binding.
nb::handle price_type() {
  static const nb::handle type = nb::type<Price>();
  return type;
}

nb::handle quantity_type() {
  static const nb::handle type = nb::type<Quantity>();
  return type;
}

}  // namespace

int128 to_mantissa(nb::handle value, const char* what) {
  PyObject* const object = value.ptr();
  if (PyFloat_CheckExact(object)) return decimal_of(PyFloat_AS_DOUBLE(object), what);
  if (PyUnicode_CheckExact(object)) return parse_decimal(to_text(value, what), kPlaces, what);
  if (PyBool_Check(object)) unsupported(value, what, kNumber);
  if (PyLong_CheckExact(object)) return scale_up(from_int(value, what), kPlaces, what);
  return from_foreign(value, what);
}

Price to_price(nb::handle value, const char* what) {
  if (is_exactly(value, price_type())) return *nb::inst_ptr<Price>(value);
  return price_of(to_mantissa(value, what), what);
}

Quantity to_quantity(nb::handle value, const char* what) {
  if (is_exactly(value, quantity_type())) return *nb::inst_ptr<Quantity>(value);
  return quantity_of(to_mantissa(value, what), what);
}

std::int64_t to_nanos(nb::handle value, const char* what) { return to_int64(value, what, Reason::TIME_OUT_OF_RANGE); }

std::int64_t to_count(nb::handle value, const char* what) { return to_int64(value, what, Reason::NUMBER_OUT_OF_RANGE); }

std::string_view to_text(nb::handle value, const char* what) {
  if (!PyUnicode_Check(value.ptr())) unsupported(value, what, "a str");
  if (PyUnicode_IS_COMPACT_ASCII(value.ptr())) {
    return {static_cast<const char*>(PyUnicode_DATA(value.ptr())),
            static_cast<std::size_t>(PyUnicode_GET_LENGTH(value.ptr()))};
  }
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text == nullptr) {
    PyErr_Clear();
    throw InvalidArgument(Reason::NAME_INVALID, std::string(what) + " has a lone surrogate, which is not valid text");
  }
  return {text, static_cast<std::size_t>(size)};
}

bool is_number(nb::handle value) {
  PyObject* const object = value.ptr();
  if (PyBool_Check(object)) return false;
  if (PyFloat_Check(object) || PyLong_Check(object) || nb::isinstance(value, decimal_type())) return true;
  const NumpyFloats numpy = numpy_floats();
  if (numpy.floating.is_valid() && nb::isinstance(value, numpy.floating)) return true;
  return as_index(value).is_valid();
}

nb::object exact_decimal(nb::handle value) {
  PyObject* const object = value.ptr();
  if (nb::isinstance(value, decimal_type())) return nb::borrow(value);
  if (PyFloat_Check(object)) return decimal_type()(nb::repr(nb::float_(PyFloat_AS_DOUBLE(object))));
  if (PyLong_Check(object)) return decimal_type()(value);
  const NumpyFloats numpy = numpy_floats();
  if (numpy.floating.is_valid() && nb::isinstance(value, numpy.floating)) return decimal_type()(nb::str(value));
  return decimal_type()(as_index(value));
}

nb::object as_decimal(std::string_view text) { return decimal_type()(to_str(text)); }

nb::object to_decimal(int128 mantissa, int places) { return as_decimal(format_decimal(mantissa, places, 0)); }

nb::object to_decimal(const std::optional<Price>& price) {
  return price ? to_decimal(price->mantissa, kPlaces) : nb::none();
}

int128 from_decimal(nb::handle value, int places, const char* what) {
  PyObject* const object = value.ptr();
  if (PyBool_Check(object)) unsupported(value, what, "a Decimal, int or str");
  if (PyLong_Check(object)) return scale_up(from_int(value, what), places, what);
  if (PyUnicode_Check(object)) return parse_decimal(to_text(value, what), places, what);
  if (nb::isinstance(value, decimal_type())) return parse_decimal(text_of(value), places, what);
  unsupported(value, what, "a Decimal, int or str");
}

nb::str to_str(std::string_view text) { return nb::str(text.data(), text.size()); }

}  // namespace alphaforge::bindings
