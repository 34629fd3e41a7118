#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "bindings/bindings.hpp"
#include "bindings/checkpoint_pieces.hpp"
#include "bindings/gil.hpp"
#include "bindings/unchecked.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

// A checkpoint of the engine as it is now.
template <class Engine>
CheckpointPieces<Engine>* begin_checkpoint(Engine& engine, std::string_view magic, std::int64_t version,
                                           std::size_t piece_bytes, std::size_t waiting_bytes) {
  auto pieces = std::make_unique<CheckpointPieces<Engine>>(engine, magic, version);
  with_gil(engine, [&](auto& value) { pieces->begin(value, {piece_bytes, waiting_bytes}); });
  return pieces.release();
}

// The next part, at most `bytes_max` bytes, written without the GIL into a new bytes object.
template <class Engine>
nb::object read_piece(CheckpointPieces<Engine>& self, std::size_t bytes_max) {
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(bytes_max));
  if (bytes == nullptr) throw nb::python_error();
  char* const out = bytes_data(bytes);
  std::optional<std::size_t> size;
  try {
    size = without_gil([&] { return self.read({out, bytes_max}); });
  } catch (...) {
    Py_DECREF(bytes);
    throw;
  }
  if (!size) {
    Py_DECREF(bytes);
    return nb::none();
  }
  if (_PyBytes_Resize(&bytes, static_cast<Py_ssize_t>(*size)) != 0) throw nb::python_error();
  return nb::steal(bytes);
}

inline constexpr const char* kBeginCheckpointSignature =
    "def begin_checkpoint(self, *, piece_bytes: int = 65536, waiting_bytes: int = 67108864) -> CheckpointPieces";
inline constexpr const char* kBeginCheckpointHelp =
    "A checkpoint of the engine as it is now, to be read piece by piece; restore() takes the pieces joined.\n\n"
    "About `piece_bytes` are written with the engine locked at a time; at most about `waiting_bytes` of what was "
    "changed "
    "since, as it was before, wait to be read.";

// The class of an engine's checkpoints.
template <class Engine>
void bind_checkpoint(nb::module_ m) {
  using Pieces = CheckpointPieces<Engine>;
  nb::class_<Pieces>(m, "CheckpointPieces", nb::is_final(),
                     "The bytes of an engine's checkpoint: its state as it was when the checkpoint began, whatever "
                     "calls come in between.")
      .def("read", &read_piece<Engine>, "bytes_max"_a, nb::sig("def read(self, bytes_max: int) -> bytes | None"),
           "The next piece, at most `bytes_max` long; empty after the last one. The engine is locked for a small part "
           "of "
           "the work at a time.\n\n"
           "None where the checkpoint was overtaken, and another one has to begin: by more changes than can be kept in "
           "memory, by another checkpoint, or by other settings or a reset of the engine.")
      .def(
          "end", [](Pieces& self) { without_gil([&] { self.end(); }); },
          "The engine keeps nothing more for it. Does nothing once it is read to its end.")
      .def_prop_ro(
          "longest_hold_ns", [](const Pieces& self) { return self.longest_hold_ns(); },
          "The longest time that the engine was locked for it, in nanoseconds.")
      .def_prop_ro(
          "checksum", [](const Pieces& self) { return self.checksum(); },
          "Once it is read to its end: a checksum of the state. Equal states have equal ones, in every process, "
          "whatever calls came in between.");
}

}  // namespace alphaforge::bindings
