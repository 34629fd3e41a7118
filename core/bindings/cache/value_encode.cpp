#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/cache/value.hpp"
#include "bindings/cache/value_types.hpp"
#include "bindings/unchecked.hpp"
#include "encoding/value.hpp"
#include "encoding/writer.hpp"
#include "model/numbers.hpp"

namespace alphaforge::bindings {

namespace {

using wire::ValueKind;
using wire::Writer;

[[noreturn]] void unsupported(const std::string& what) {
  throw UnsupportedValue(Reason::VALUE_UNSUPPORTED,
                         what +
                             " can't be stored; the exact types supported are None, bool, int, float, str, bytes, "
                             "Decimal, datetime with a timezone or "
                             "ZoneInfo, date, timedelta, list, tuple, set, dict with scalar keys, Price, Quantity, "
                             "NumPy scalars and arrays without objects");
}

std::string name_of_type(nb::handle value) {
  return std::string("a value of type ") + nb::str(nb::type_name(value.type())).c_str();
}

std::string_view utf8_of(nb::handle text) {
  Py_ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (bytes != nullptr) return {bytes, static_cast<std::size_t>(size)};
  PyErr_Clear();
  throw InvalidArgument(Reason::VALUE_MALFORMED,
                        "a str has a lone surrogate, which is not valid text; store bytes "
                        "instead");
}

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out), writer_(out), start_(out.size()) {}

  void value(nb::handle value, int depth) {
    if (!built_in(value, depth)) foreign(value);
    // Checked at each level, so that a recursive value can't use all memory before it is refused.
    wire::check_value_size(out_.size() - start_);
  }

 private:
  static std::uint32_t field(ValueKind kind) { return static_cast<std::uint32_t>(kind); }

  bool built_in(nb::handle value, int depth) {
    PyObject* const object = value.ptr();
    PyTypeObject* const type = Py_TYPE(object);
    if (type == &PyFloat_Type) {
      writer_.fixed(field(ValueKind::kDouble), PyFloat_AS_DOUBLE(object));
    } else if (type == &PyUnicode_Type) {
      writer_.bytes(field(ValueKind::kString), utf8_of(value));
    } else if (type == &PyLong_Type) {
      integer(value);
    } else if (type == &PyBool_Type) {
      writer_.uint(field(ValueKind::kBool), object == Py_True ? 1 : 0);
    } else if (object == Py_None) {
      writer_.bytes(field(ValueKind::kNull), {});
    } else if (type == &PyBytes_Type) {
      writer_.bytes(field(ValueKind::kBytes), bytes_view(value));
    } else if (type == &PyDict_Type) {
      dict(value, depth);
    } else if (type == &PyList_Type) {
      items(ValueKind::kList, value, depth);
    } else if (type == &PyTuple_Type) {
      items(ValueKind::kTuple, value, depth);
    } else if (type == &PySet_Type) {
      items(ValueKind::kSet, value, depth);
    } else {
      return false;
    }
    return true;
  }

  void integer(nb::handle value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow == 0) return writer_.sint(field(ValueKind::kInt), number);
    const auto bits = nb::cast<std::size_t>(value.attr("bit_length")());
    const nb::object bytes = value.attr("to_bytes")(bits / 8 + 1, "big", nb::arg("signed") = true);
    // -2^(8k-1) is the one number whose bits leave room for the sign in the byte that is added.
    std::string_view digits = bytes_view(bytes);
    if (digits.size() > 1 && digits[0] == '\xff' && (digits[1] & '\x80') != 0) digits.remove_prefix(1);
    writer_.bytes(field(ValueKind::kBigInt), digits);
  }

  void items(ValueKind kind, nb::handle container, int depth) {
    if (depth == wire::kValueDepthMax) wire::refuse_depth();
    const std::size_t message = writer_.begin(field(kind));
    // Through Python's iterators, which notice when another thread changes the container.
    for (const nb::handle item : nb::iter(container)) {
      const std::size_t start = writer_.begin(1);
      value(item, depth + 1);
      writer_.end(start);
    }
    writer_.end(message);
  }

  void dict(nb::handle container, int depth) {
    if (depth == wire::kValueDepthMax) wire::refuse_depth();
    const std::size_t message = writer_.begin(field(ValueKind::kMap));
    for (const nb::handle pair : nb::iter(container.attr("items")())) {
      const nb::handle key = tuple_item(pair, 0);
      if (PyTuple_CheckExact(key.ptr())) unsupported("a dict with a tuple as key");
      const std::size_t entry = writer_.begin(1);
      std::size_t start = writer_.begin(1);
      value(key, depth + 1);
      writer_.end(start);
      start = writer_.begin(2);
      value(tuple_item(pair, 1), depth + 1);
      writer_.end(start);
      writer_.end(entry);
    }
    writer_.end(message);
  }

  void foreign(nb::handle value) {
    const ValueTypes& types = value_types();
    const nb::handle type = value.type();
    if (type.is(types.decimal)) {
      writer_.bytes(field(ValueKind::kDecimal), utf8_of(nb::str(value)));
    } else if (type.is(types.datetime)) {
      datetime(value);
    } else if (type.is(types.date)) {
      writer_.sint(field(ValueKind::kDate), days_of(value));
    } else if (type.is(types.timedelta)) {
      timedelta(value);
    } else if (type.is(types.price)) {
      writer_.bytes(field(ValueKind::kPrice), to_string(*nb::inst_ptr<Price>(value)));
    } else if (type.is(types.quantity)) {
      writer_.bytes(field(ValueKind::kQuantity), to_string(*nb::inst_ptr<Quantity>(value)));
    } else if (is_numpy_imported() && type.is(numpy_types().array)) {
      array(value);
    } else if (is_numpy_imported() && nb::isinstance(value, numpy_types().generic)) {
      scalar(value);
    } else {
      unsupported(name_of_type(value));
    }
  }

  static std::int64_t days_of(nb::handle date) {
    constexpr std::int64_t kOrdinal1970 = 719163;
    return nb::cast<std::int64_t>(date.attr("toordinal")()) - kOrdinal1970;
  }

  static std::int64_t microseconds_of(nb::handle delta) {
    return nb::cast<std::int64_t>(delta.attr("days")) * wire::kDayUs +
           nb::cast<std::int64_t>(delta.attr("seconds")) * 1'000'000 +
           nb::cast<std::int64_t>(delta.attr("microseconds"));
  }

  void datetime(nb::handle value) {
    const ValueTypes& types = value_types();
    const nb::object zone = value.attr("tzinfo");
    if (zone.is_none()) unsupported("a datetime without a time zone");
    const auto part = [&](const char* name) { return nb::cast<std::int64_t>(value.attr(name)); };
    const std::int64_t seconds = (part("hour") * 60 + part("minute")) * 60 + part("second");
    const std::size_t message = writer_.begin(field(ValueKind::kDateTime));
    writer_.sint(1, days_of(value) * wire::kDayUs + seconds * 1'000'000 + part("microsecond"));
    if (part("fold") != 0) writer_.uint(2, 1);
    if (zone.type().is(types.timezone)) {
      writer_.sint(3, microseconds_of(zone.attr("utcoffset")(nb::none())));
    } else if (zone.type().is(types.zoneinfo)) {
      const nb::object key = zone.attr("key");
      if (key.is_none()) unsupported("a datetime with a ZoneInfo that has no key");
      writer_.bytes(4, utf8_of(key));
    } else {
      unsupported("a datetime with a time zone of type " + std::string(nb::str(nb::type_name(zone.type())).c_str()));
    }
    writer_.end(message);
  }

  void timedelta(nb::handle value) {
    const std::size_t message = writer_.begin(field(ValueKind::kTimeDelta));
    writer_.sint(1, nb::cast<std::int32_t>(value.attr("days")));
    writer_.uint(2, nb::cast<std::uint32_t>(value.attr("seconds")));
    writer_.uint(3, nb::cast<std::uint32_t>(value.attr("microseconds")));
    writer_.end(message);
  }

  // The dtype's name, which says all there is to say of plain types; structures, sub-arrays, voids and objects have
  // more or no bytes.
  void dtype(nb::handle value) {
    const nb::object type = value.attr("dtype");
    const nb::object name = type.attr("str");
    const std::string_view kind = utf8_of(name).substr(1, 1);
    if (std::string_view("biufcmMSU").find(kind) == std::string_view::npos || !type.attr("metadata").is_none())
      unsupported(std::string("a NumPy value of dtype ") + nb::str(type).c_str());
    writer_.bytes(1, utf8_of(name));
  }

  void scalar(nb::handle value) {
    const nb::object type = value.attr("dtype");
    // A subclass of a scalar, and `longlong` if `int64` is a different type of the same name, would not be restored as
    // the same type.
    if (!value.type().is(numpy_types().dtype(type.attr("str")).attr("type"))) unsupported(name_of_type(value));
    const nb::object bytes = value.attr("tobytes")();
    const std::size_t message = writer_.begin(field(ValueKind::kNumpyScalar));
    dtype(value);
    // NumPy writes an empty text as one zero.
    writer_.bytes(2, bytes_view(bytes).substr(0, nb::cast<std::size_t>(type.attr("itemsize"))));
    writer_.end(message);
  }

  void array(nb::handle value) {
    wire::check_value_size(nb::cast<std::size_t>(value.attr("nbytes")));
    const std::size_t message = writer_.begin(field(ValueKind::kNumpyArray));
    dtype(value);
    std::vector<std::uint64_t> shape;
    for (const nb::handle length : value.attr("shape")) shape.push_back(nb::cast<std::uint64_t>(length));
    writer_.packed_varint<std::uint64_t>(2, shape);
    writer_.bytes(3, bytes_view(value.attr("tobytes")()));
    writer_.end(message);
  }

  std::string& out_;
  Writer writer_;
  std::size_t start_;
};

}  // namespace

void encode_value(nb::handle value, std::string& out) { Encoder(out).value(value, 0); }

}  // namespace alphaforge::bindings
