#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <string_view>

namespace alphaforge::bindings {

namespace nb = nanobind;

// Parts of Python's objects, without a check of their type. References are borrowed.

inline nb::handle tuple_item(nb::handle tuple, std::size_t place) {
  return PyTuple_GET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(place));
}

inline nb::handle list_item(nb::handle list, std::size_t place) {
  return PyList_GET_ITEM(list.ptr(), static_cast<Py_ssize_t>(place));
}

// Of what PySequence_Fast returned.
inline nb::handle fast_item(nb::handle sequence, std::size_t place) {
  return PySequence_Fast_GET_ITEM(sequence.ptr(), static_cast<Py_ssize_t>(place));
}

inline char* bytes_data(nb::handle bytes) { return PyBytes_AS_STRING(bytes.ptr()); }
inline std::size_t bytes_size(nb::handle bytes) { return static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr())); }

inline std::string_view bytes_view(nb::handle bytes) { return {bytes_data(bytes), bytes_size(bytes)}; }

}  // namespace alphaforge::bindings
