#include <Python.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "model/numbers.hpp"

// Price and Quantity, with exact arithmetic.

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// How Price and Quantity differ: the name in error messages, and the checked constructors.
Price made(Price*, int128 mantissa, const char* what) { return price_of(mantissa, what); }
Quantity made(Quantity*, int128 mantissa, const char* what) { return quantity_of(mantissa, what); }
constexpr const char* noun(const Price*) { return "price"; }
constexpr const char* noun(const Quantity*) { return "quantity"; }
Price converted(Price*, nb::handle value, const char* what) { return to_price(value, what); }
Quantity converted(Quantity*, nb::handle value, const char* what) { return to_quantity(value, what); }

template <typename Number>
constexpr Number* kKind = nullptr;

nb::object not_implemented() { return nb::borrow(nb::handle(Py_NotImplemented)); }

template <typename Number>
nb::object as_python(int128 mantissa) {
  return nb::cast(made(kKind<Number>, mantissa, noun(kKind<Number>)));
}

// Python's hash of a rational number, so that equal numbers of other types hash the same: modulo the prime 2^61 - 1.
std::int64_t numeric_hash(int128 mantissa) {
  constexpr std::uint64_t kModulus = (std::uint64_t{1} << 61) - 1;
  constexpr std::uint64_t kInverseOfUnit = 134'237'991'947'895'544;  // 10^-9
  static_assert(static_cast<uint128>(kInverseOfUnit) * kUnit % kModulus == 1);
  const bool negative = mantissa < 0;
  const uint128 magnitude = negative ? -static_cast<uint128>(mantissa) : static_cast<uint128>(mantissa);
  const uint128 rest = magnitude % kModulus;
  const auto hash = static_cast<std::int64_t>(rest * kInverseOfUnit % kModulus);
  // -1 is Python's sign for an error.
  return !negative ? hash : hash == 1 ? -2 : -hash;
}

// `self` against another number of its kind, or any number, by the operator `op` of Python's rich comparison.
template <typename Number, int op>
nb::object compare(const Number& self, nb::handle other) {
  if (nb::isinstance<Number>(other)) {
    const int128 left = self.mantissa, right = nb::cast<const Number&>(other).mantissa;
    const bool result = op == Py_EQ   ? left == right
                        : op == Py_NE ? left != right
                        : op == Py_LT ? left < right
                        : op == Py_LE ? left <= right
                        : op == Py_GT ? left > right
                                      : left >= right;
    return nb::bool_(result);
  }
  if (!is_number(other)) return not_implemented();
  const nb::object number = exact_decimal(other);
  if (nb::cast<bool>(number.attr("is_nan")())) return nb::bool_(op == Py_NE);
  return nb::steal(PyObject_RichCompare(to_decimal(self.mantissa, kPlaces).ptr(), number.ptr(), op));
}

// The nine-place integer of another number of this kind, or of any number; nothing for other types.
template <typename Number>
std::optional<int128> operand(nb::handle value) {
  if (nb::isinstance<Number>(value)) return nb::cast<const Number&>(value).mantissa;
  if (!is_number(value)) return std::nullopt;
  return to_mantissa(value, "number");
}

template <typename Number>
int128 sum(int128 left, int128 right) {
  int128 result = 0;
  if (__builtin_add_overflow(left, right, &result)) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, std::string(noun(kKind<Number>)) + " sum is out of range");
  }
  return result;
}

template <typename Number>
nb::object add(const Number& self, nb::handle other) {
  const std::optional<int128> right = operand<Number>(other);
  return right ? as_python<Number>(sum<Number>(self.mantissa, *right)) : not_implemented();
}

template <typename Number>
nb::object subtract(const Number& self, nb::handle other) {
  const std::optional<int128> right = operand<Number>(other);
  return right ? as_python<Number>(sum<Number>(self.mantissa, -*right)) : not_implemented();
}

template <typename Number>
nb::object subtract_from(const Number& self, nb::handle other) {
  const std::optional<int128> left = operand<Number>(other);
  return left ? as_python<Number>(sum<Number>(*left, -static_cast<int128>(self.mantissa))) : not_implemented();
}

nb::object value_of(Price price, Quantity quantity) {
  Value value;
  if (!multiply(price, quantity, value)) {
    throw InvalidArgument(Reason::VALUE_OVERFLOW,
                          "the value " + to_string(price) + " x " + to_string(quantity) +
                              " is out of range: with eighteen decimal places, it exceeds 128 bits");
  }
  return to_decimal(value.mantissa, kValuePlaces);
}

// By a number: of the same kind, rounded half to even at nine places.
template <typename Number>
nb::object scale(const Number& self, nb::handle factor) {
  if (!is_number(factor)) return not_implemented();
  return as_python<Number>(multiply_divide_half_even(self.mantissa, to_mantissa(factor, "factor"), kUnit));
}

void check_divisor(int128 divisor) {
  if (divisor != 0) return;
  PyErr_SetString(PyExc_ZeroDivisionError, "division by zero");
  throw nb::python_error();
}

template <typename Number>
nb::object divide(const Number& self, nb::handle divisor) {
  if (!is_number(divisor)) return not_implemented();
  const int128 mantissa = to_mantissa(divisor, "divisor");
  check_divisor(mantissa);
  return as_python<Number>(multiply_divide_half_even(self.mantissa, kUnit, mantissa));
}

template <typename Number>
nb::object ratio(const Number& self, const Number& other) {
  check_divisor(other.mantissa);
  return to_decimal(self.mantissa, kPlaces) / to_decimal(other.mantissa, kPlaces);
}

int128 multiples(int128 mantissa, int128 step, std::string_view mode) {
  if (mode == "nearest") return divide_half_even(mantissa, step);
  const int128 quotient = mantissa / step, rest = mantissa % step;
  if (mode == "down") return quotient - (rest < 0 ? 1 : 0);
  if (mode == "up") return quotient + (rest > 0 ? 1 : 0);
  throw InvalidArgument(Reason::ENUM_UNKNOWN, "mode must be 'nearest', 'down' or 'up'");
}

template <typename Number>
nb::object round_to(const Number& self, nb::handle tick, nb::handle mode) {
  const int128 step = converted(kKind<Number>, tick, "tick").mantissa;
  if (step <= 0) throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "tick must be above 0");
  int128 rounded = 0;
  if (__builtin_mul_overflow(multiples(self.mantissa, step, to_text(mode, "mode")), step, &rounded)) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "the rounded number is out of range");
  }
  return as_python<Number>(rounded);
}

template <typename Number>
void bind_comparisons(nb::class_<Number>& type, const std::string& name) {
  // nanobind keeps the pointers of signatures: they live as long as the class.
  static const std::string operand = "(self, other: " + name + " | int | float | decimal.Decimal, /) -> bool";
  static const std::string less = "def __lt__" + operand, less_equal = "def __le__" + operand;
  static const std::string greater = "def __gt__" + operand, greater_equal = "def __ge__" + operand;
  type.def("__eq__", &compare<Number, Py_EQ>, any("other"), nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__ne__", &compare<Number, Py_NE>, any("other"), nb::sig("def __ne__(self, other: object, /) -> bool"))
      .def("__lt__", &compare<Number, Py_LT>, any("other"), nb::sig(less.c_str()))
      .def("__le__", &compare<Number, Py_LE>, any("other"), nb::sig(less_equal.c_str()))
      .def("__gt__", &compare<Number, Py_GT>, any("other"), nb::sig(greater.c_str()))
      .def("__ge__", &compare<Number, Py_GE>, any("other"), nb::sig(greater_equal.c_str()))
      .def("__hash__", [](const Number& self) { return numeric_hash(self.mantissa); });
}

template <typename Number>
void bind_arithmetic(nb::class_<Number>& type, const std::string& name) {
  static const std::string number = "int | float | decimal.Decimal";
  static const std::string same = "(self, other: " + name + " | " + number + ", /) -> " + name;
  static const std::string scalar = "(self, other: " + number + ", /) -> " + name;
  static const std::string add_same = "def __add__" + same, add_scalar = "def __radd__" + scalar;
  static const std::string subtract_same = "def __sub__" + same, subtract_scalar = "def __rsub__" + scalar;
  static const std::string times_scalar = "def __rmul__" + scalar, by_scalar = "def __truediv__" + scalar;
  static const std::string by_same = "def __truediv__(self, other: " + name + ", /) -> decimal.Decimal";
  static const std::string rounding = "def round_to(self, tick: " + name + " | str | " + number +
                                      ", mode: typing.Literal['nearest', 'down', 'up'] = 'nearest') -> " + name;
  type.def("__add__", &add<Number>, any("other"), nb::sig(add_same.c_str()))
      .def("__radd__", &add<Number>, any("other"), nb::sig(add_scalar.c_str()))
      .def("__sub__", &subtract<Number>, any("other"), nb::sig(subtract_same.c_str()))
      .def("__rsub__", &subtract_from<Number>, any("other"), nb::sig(subtract_scalar.c_str()))
      .def("__rmul__", &scale<Number>, any("other"), nb::sig(times_scalar.c_str()))
      .def("__truediv__", &ratio<Number>, nb::is_operator(), nb::sig(by_same.c_str()))
      .def("__truediv__", &divide<Number>, any("other"), nb::sig(by_scalar.c_str()))
      .def("round_to", &round_to<Number>, any("tick"), "mode"_a = "nearest", nb::sig(rounding.c_str()),
           "Rounds to a multiple of `tick`: the nearest (half to even), the next below or the next "
           "above.\n\n"
           "Raises InvalidArgument (a ValueError) for a tick that is not above 0, and for an unknown "
           "mode.");
}

// The common part of Price and Quantity.
template <typename Number>
nb::class_<Number> bind_number(nb::module_ m, const std::string& name, const char* doc) {
  nb::class_<Number> type(m, name.c_str(), nb::is_final(), doc);
  const std::string prefix = name + "('";
  bind_comparisons(type, name);
  bind_arithmetic(type, name);
  type.def(
          "__float__", [](const Number& self) { return to_double(self.mantissa, kPlaces); },
          "The nearest float, half to even.")
      .def("__str__", [](const Number& self) { return to_string(self); })
      .def("__repr__", [prefix](const Number& self) { return prefix + to_string(self) + "')"; })
      .def(
          "__format__",
          [](const Number& self, nb::str spec) {
            const std::string text = to_string(self);
            return nb::len(spec) == 0 ? to_str(text) : nb::str(as_decimal(text).attr("__format__")(spec));
          },
          "spec"_a, nb::sig("def __format__(self, spec: str, /) -> str"),
          "The format specifications of Decimal; str() without one.")
      .def(
          "as_decimal", [](const Number& self) { return as_decimal(to_string(self)); },
          nb::sig("def as_decimal(self) -> decimal.Decimal"), "The exact value, with the places that str() shows.")
      .def(
          "__reduce__", [](nb::handle self) { return nb::make_tuple(self.type(), nb::make_tuple(nb::str(self))); },
          nb::sig("def __reduce__(self) -> tuple[type, tuple[str]]"));
  bind_copies(type);
  return type;
}

}  // namespace

void bind_numbers(nb::module_ m) {
  auto price = bind_number<Price>(
      m, "Price",
      "A price: an exact decimal with nine places, within about +-9.22e9. Immutable.\n\n"
      "Compares, adds and subtracts exactly with prices and numbers (a float stands for its shortest "
      "decimal); times a Quantity it is an exact Decimal; times or by a number it is a Price, "
      "rounded half to even at nine places. `str()` shows at least two places.\n\n"
      ">>> Price(45000)\n"
      "Price('45000.00')\n"
      ">>> Price(\"0.1\") + Price(\"0.2\") == 0.3\n"
      "True\n"
      ">>> Price(\"45000.5\") * Quantity(\"0.1\")\n"
      "Decimal('4500.05')\n"
      ">>> Price(\"45000.127\").round_to(\"0.05\", \"down\")\n"
      "Price('45000.10')\n"
      ">>> f\"{Price('45000.123'):.1f}\"\n"
      "'45000.1'");
  auto quantity = bind_number<Quantity>(
      m, "Quantity",
      "A quantity: an exact decimal with nine places, not negative, up to about 1.7e29. Immutable.\n\n"
      "Compares, adds and subtracts exactly with quantities and numbers; a difference below 0 is an error. Times a "
      "Price it is an exact Decimal; times or by a number it is a Quantity, rounded half to even at nine places. "
      "`str()` shows the places that are needed.\n\n"
      ">>> Quantity(0.5).as_decimal()\n"
      "Decimal('0.5')\n"
      ">>> Quantity(\"0.5\") - 0.2, Quantity(3) / 2\n"
      "(Quantity('0.3'), Quantity('1.5'))\n"
      ">>> Quantity(-1)\n"
      "Traceback (most recent call last):\n"
      "alphaforge_core.errors.InvalidArgument: quantity -1 is negative; expected 0 or more");
  price
      .def(
          "__init__", [](Price* self, nb::handle value) { new (self) Price(to_price(value)); }, any("value"),
          nb::sig("def __init__(self, value: Price | int | str | float | decimal.Decimal | numpy.integer | "
                  "numpy.floating) -> None"),
          "A float stands for its shortest decimal, rounded half to even at nine places.\n\n"
          "Raises InvalidArgument (a ValueError) for a number that is malformed, not finite or out "
          "of range, and for a str or Decimal with more than nine places; UnsupportedValue (a "
          "TypeError) for other types, including bool.")
      .def("__mul__", &value_of, nb::is_operator(), nb::sig("def __mul__(self, other: Quantity, /) -> decimal.Decimal"))
      .def("__mul__", &scale<Price>, any("other"),
           nb::sig("def __mul__(self, other: int | float | decimal.Decimal, /) -> Price"))
      .def(
          "__neg__", [](const Price& self) { return as_python<Price>(-static_cast<int128>(self.mantissa)); },
          nb::sig("def __neg__(self) -> Price"))
      .def(
          "__abs__",
          [](const Price& self) {
            const int128 mantissa = self.mantissa;
            return as_python<Price>(mantissa < 0 ? -mantissa : mantissa);
          },
          nb::sig("def __abs__(self) -> Price"));
  quantity
      .def(
          "__init__", [](Quantity* self, nb::handle value) { new (self) Quantity(to_quantity(value)); }, any("value"),
          nb::sig("def __init__(self, value: Quantity | int | str | float | decimal.Decimal | numpy.integer | "
                  "numpy.floating) -> None"),
          "A float stands for its shortest decimal, rounded half to even at nine places.\n\n"
          "Raises InvalidArgument (a ValueError) for a number that is malformed, not finite, "
          "negative or out of range, and for a str or Decimal with more than nine places; "
          "UnsupportedValue (a TypeError) for other types, including bool.")
      .def(
          "__mul__", [](const Quantity& self, const Price& other) { return value_of(other, self); }, nb::is_operator(),
          nb::sig("def __mul__(self, other: Price, /) -> decimal.Decimal"))
      .def("__mul__", &scale<Quantity>, any("other"),
           nb::sig("def __mul__(self, other: int | float | decimal.Decimal, /) -> Quantity"));
}

}  // namespace alphaforge::bindings
