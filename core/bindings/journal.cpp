#include <string_view>

#include "base/semantics.hpp"
#include "base/sqlite_wal.hpp"
#include "bindings.hpp"
#include "gil.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

SqliteWal read_wal(const nb::bytes& file) {
  const std::string_view bytes(file.c_str(), file.size());
  return without_gil([bytes] { return read_sqlite_wal(bytes); });
}

}  // namespace

void bind_journal(nb::module_ m) {
  m.attr("SEMANTICS") = kSemantics;
  nb::class_<SqliteWal>(m, "SqliteWal", "The contents of a SQLite write-ahead log.")
      .def_ro("is_header_valid", &SqliteWal::is_header_valid)
      .def_ro("frames", &SqliteWal::frames, "Number of valid frames from the beginning.")
      .def_ro("committed_frames", &SqliteWal::committed_frames,
              "Number of valid frames up to the last commit, which SQLite recovers.")
      .def_ro("frames_after_bad", &SqliteWal::frames_after_bad,
              "Number of valid frames after the first invalid one. If there are any, that one is "
              "damaged, and not a torn end.");
  m.def("read_wal", &read_wal, "file"_a, "Reads the bytes of a complete `-wal` file.");
}

}  // namespace alphaforge::bindings
