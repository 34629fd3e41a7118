#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/error.hpp"
#include "cache.hpp"
#include "cache/replay.hpp"
#include "cache/rewrite.hpp"
#include "numbers.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

std::int64_t wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// An OSError of Python's for what the system refused.
[[noreturn]] void raise_os_error(int number) {
  errno = number;
  PyErr_SetFromErrno(PyExc_OSError);
  throw nb::python_error();
}

// Calls without the GIL; what the system refuses is raised once it is held again.
template <class Call>
auto without_gil(Call&& call) {
  try {
    const nb::gil_scoped_release release;
    return call();
  } catch (const cache::FileFailure& failure) {
    raise_os_error(failure.error);
  }
}

cache::Notes to_notes(const std::vector<nb::bytes>& lasting, const std::vector<nb::bytes>& brief) {
  cache::Notes notes;
  for (const nb::bytes& note : lasting) notes.lasting.emplace_back(view(note));
  for (const nb::bytes& note : brief) notes.brief.emplace_back(view(note));
  return notes;
}

nb::object replay(CacheEngine& self, int file, std::int64_t wall_ns, std::int64_t brief_ns) {
  const std::int64_t now = self.now_ns();
  const cache::Replayed replayed = without_gil([&] {
    return cache::replay(self.cache, now, wall_ns, brief_ns, [&](char* buffer, std::size_t size) {
      std::size_t filled = 0;
      while (filled < size) {
        const ssize_t got = ::read(file, buffer + filled, size - filled);
        if (got < 0 && errno != EINTR) throw cache::FileFailure{errno};
        if (got == 0) break;
        if (got > 0) filled += static_cast<std::size_t>(got);
      }
      return filled;
    });
  });
  nb::list notes;
  for (const std::string& note : replayed.notes) notes.append(to_bytes(note));
  const nb::object damage = replayed.damage.empty() ? nb::none() : nb::object(to_str(replayed.damage));
  return nb::make_tuple(notes, replayed.valid_bytes, replayed.is_complete, damage);
}

void rewrite(CacheEngine& self, int file, const std::string& temporary, const std::string& path,
             const std::vector<nb::bytes>& lasting, const std::vector<nb::bytes>& brief) {
  const std::int64_t now = self.now_ns();
  const cache::Notes notes = to_notes(lasting, brief);
  without_gil([&] {
    cache::rewrite(self.cache, file, temporary.c_str(), path.c_str(), notes, now, &wall_clock);
    return 0;
  });
}

std::uint64_t write_entries(CacheEngine& self, int file, const std::vector<nb::bytes>& lasting,
                            const std::vector<nb::bytes>& brief) {
  const std::int64_t now = self.now_ns();
  const cache::Notes notes = to_notes(lasting, brief);
  return without_gil([&] { return cache::write_entries(self.cache, file, notes, now, &wall_clock); });
}

// Calls call(Journal&) with the table locked; nothing where the cache has no file.
template <class Call>
void with_journal(CacheEngine& self, Call&& call) {
  locked(self.cache, [&](cache::Table& table) {
    if (cache::Journal* const journal = table.journal()) call(*journal);
    return 0;
  });
}

void end_file(CacheEngine& self, bool sync) {
  const std::int64_t now = self.now_ns();
  without_gil([&] {
    const cache::Counters counters = self.cache.counters(now);
    int error = 0;
    self.cache.with([&](cache::Table& table) {
      cache::Journal* const journal = table.journal();
      if (journal == nullptr) return;
      journal->counters(counters);
      journal->flush(table.changes().last_sequence());
      if (sync && journal->error() == 0 && ::fdatasync(journal->file()) != 0) error = errno;
      if (error == 0) error = journal->error();
      table.keep(nullptr);
    });
    if (sync && error != 0) throw cache::FileFailure{error};
    return 0;
  });
}

nb::object file_error(CacheEngine& self) {
  int error = 0;
  with_journal(self, [&](cache::Journal& journal) { error = journal.error(); });
  return error == 0 ? nb::none() : nb::object(to_str(std::strerror(error)));
}

nb::tuple file_statistics(CacheEngine& self) {
  cache::Journal::Statistics statistics;
  with_journal(self, [&](cache::Journal& journal) { statistics = journal.statistics(); });
  return nb::make_tuple(statistics.writes, statistics.changes, statistics.written_bytes, statistics.failures,
                        statistics.file_bytes, statistics.rewrites);
}

}  // namespace

void bind_cache_file(nb::class_<CacheEngine, CacheBase>& type) {
  type.def("replay", &replay, "file"_a, "wall_ns"_a, "brief_ns"_a,
           nb::sig("def replay(self, file: int, wall_ns: int, brief_ns: int) -> "
                   "tuple[list[bytes], int, bool, str | None]"),
           "Makes this cache, which must be new and without bounds, what a file says.\n\n"
           "Returns the file's notes (brief ones unless they are older than `brief_ns`), how many of its bytes are "
           "good, whether it was ended by `end_file`, and what is damaged. Entries keep their versions, and their times to "
           "live go on from the time of day at which they were written. Counters go on where the file was ended. "
           "Raises OSError.")
      .def("keep_in", [](CacheEngine& self, int file, std::uint64_t file_bytes) {
            auto journal = std::make_unique<cache::Journal>(file, file_bytes, &wall_clock);
            self.cache.with([&](cache::Table& table) { table.keep(std::move(journal)); });
          }, "file"_a, "file_bytes"_a,
           "From now on each change is written to a file before anybody is told of it. The descriptor, open for "
           "reading and writing at its end, is the cache's from now on.")
      .def("write_entries", &write_entries, "file"_a, "notes"_a, "brief_notes"_a,
           "Writes notes and entries to an open file, beside other calls; returns its size. Raises OSError.")
      .def("rewrite", &rewrite, "file"_a, "temporary"_a, "path"_a, "notes"_a, "brief_notes"_a,
           "Replaces the cache's file by a new one with notes and entries as they are, beside other calls: `file`, "
           "open for reading and writing, is renamed from `temporary` to `path` when it says all, and is the cache's then. "
           "Raises OSError, and then all is as it was.")
      .def("note", [](CacheEngine& self, const nb::bytes& note) {
            with_journal(self, [&](cache::Journal& journal) { journal.note(view(note)); });
          }, "note"_a, "Writes bytes that `replay` returns.")
      .def("hold", [](CacheEngine& self) { with_journal(self, [](cache::Journal& journal) { journal.hold(); }); },
           "Until `release` changes are not written: a note can go with them.")
      .def("release", [](CacheEngine& self, const nb::bytes& note) {
            with_journal(self, [&](cache::Journal& journal) {
              journal.release();
              if (note.size() != 0) journal.brief_note(view(note));
            });
          }, "note"_a, "Writes what changed since `hold`, and a brief note unless it is empty, as one.")
      .def("end_file", &end_file, "sync"_a,
           "Writes the counters, and then nothing more: the cache is about to end. With `sync` all of it is on the "
           "disk then, or OSError is raised.")
      .def_prop_ro("file_error", &file_error, nb::sig("def file_error(self) -> str | None"),
           "Why the last write failed; nothing is written until `rewrite`. None as long as all is well.")
      .def("file_statistics", &file_statistics,
           nb::sig("def file_statistics(self) -> tuple[int, int, int, int, int, int]"),
           "Writes, changes and bytes written, failures, size of the file, rewrites.");
}

}  // namespace alphaforge::bindings
