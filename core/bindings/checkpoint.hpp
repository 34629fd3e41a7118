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
    "Begins a checkpoint of the engine's current state, to be read piece by piece. Pass the joined pieces to "
    "restore().\n\n"
    "The engine is locked for about `piece_bytes` at a time. If it changes state that has not been read yet, the "
    "earlier values are kept, at most about `waiting_bytes` of them.";

// The class of an engine's checkpoints.
template <class Engine>
void bind_checkpoint(nb::module_ m) {
  using Pieces = CheckpointPieces<Engine>;
  nb::class_<Pieces>(
      m, "CheckpointPieces", nb::is_final(),
      "The bytes of an engine's checkpoint: the state when the checkpoint began, without the changes of later calls.")
      .def("read", &read_piece<Engine>, "bytes_max"_a, nb::sig("def read(self, bytes_max: int) -> bytes | None"),
           "The next piece, at most `bytes_max` long; empty after the last one. Locks the engine for short times "
           "only.\n\n"
           "None if the checkpoint has failed and must be begun again: there were more changes than `waiting_bytes` "
           "allows, another checkpoint began, or the engine was reset or got other settings.")
      .def(
          "end", [](Pieces& self) { without_gil([&] { self.end(); }); },
          "Ends the checkpoint: the engine keeps no more earlier values for it. Does nothing after the last piece.")
      .def_prop_ro(
          "longest_hold_ns", [](const Pieces& self) { return self.longest_hold_ns(); },
          "The longest time that the checkpoint locked the engine, in nanoseconds.")
      .def_prop_ro(
          "checksum", [](const Pieces& self) { return self.checksum(); },
          "A checksum of the state, valid after the last piece. Equal states have equal checksums, in every process.");
}

}  // namespace alphaforge::bindings
