#include <bits/time.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/cache/cache.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "cache/counters.hpp"
#include "cache/journal.hpp"
#include "cache/replay.hpp"
#include "cache/rewrite.hpp"
#include "cache/table.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

std::int64_t wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// Raises a Python OSError for a system error.
[[noreturn]] void raise_os_error(int number) {
  errno = number;
  PyErr_SetFromErrno(PyExc_OSError);
  throw nb::python_error();
}

// Calls without the GIL, and raises system errors as OSError.
template <class Call>
auto use_file(Call&& call) {
  try {
    return without_gil(call);
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
  const cache::Replayed replayed = use_file([&] {
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
  return nb::make_tuple(notes, replayed.valid_bytes, replayed.is_complete, damage, replayed.last_sequence);
}

nb::tuple follow(CacheEngine& self, const nb::bytes& blocks, std::int64_t wall_ns) {
  const std::int64_t now = self.now_ns();
  std::string_view rest = view(blocks);
  const std::uint64_t size = rest.size();
  const cache::Replayed replayed = without_gil([&] {
    return cache::follow(self.cache, now, wall_ns, [&](char* buffer, std::size_t wanted) {
      const std::size_t taken = rest.copy(buffer, wanted);
      rest.remove_prefix(taken);
      return taken;
    });
  });
  nb::list notes;
  for (const std::string& note : replayed.notes) notes.append(to_bytes(note));
  const std::string damage =
      replayed.damage.empty() && replayed.valid_bytes != size ? "a block is cut off" : replayed.damage;
  return nb::make_tuple(notes, damage.empty() ? nb::none() : nb::object(to_str(damage)));
}

nb::tuple take_changes(CacheEngine& self) {
  std::vector<std::string> blocks;
  std::uint64_t last_sequence = 0;
  with_gil(self.cache, [&](cache::Table& table) {
    if (cache::Journal* const journal = table.journal()) blocks = journal->take();
    last_sequence = table.changes().last_sequence();
  });
  nb::list taken;
  for (const std::string& block : blocks) taken.append(to_bytes(block));
  return nb::make_tuple(taken, last_sequence);
}

void rewrite(CacheEngine& self, int file, const std::string& temporary, const std::string& path,
             const std::vector<nb::bytes>& lasting, const std::vector<nb::bytes>& brief) {
  const std::int64_t now = self.now_ns();
  const cache::Notes notes = to_notes(lasting, brief);
  use_file([&] {
    cache::rewrite(self.cache, file, temporary.c_str(), path.c_str(), notes, now, &wall_clock);
    return 0;
  });
}

std::uint64_t write_entries(CacheEngine& self, int file, const std::vector<nb::bytes>& lasting,
                            const std::vector<nb::bytes>& brief) {
  const std::int64_t now = self.now_ns();
  const cache::Notes notes = to_notes(lasting, brief);
  return use_file([&] { return cache::write_entries(self.cache, file, notes, now, &wall_clock); });
}

// Calls call(Journal&) with the table locked; does nothing if the cache has no file.
template <class Call>
void with_journal(CacheEngine& self, Call&& call) {
  with_gil(self.cache, [&](cache::Table& table) {
    if (cache::Journal* const journal = table.journal()) call(*journal);
  });
}

void end_file(CacheEngine& self, bool sync) {
  const std::int64_t now = self.now_ns();
  use_file([&] {
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
                   "tuple[list[bytes], int, bool, str | None, int]"),
           "Restores a file into this cache, which must be new and without limits.\n\n"
           "Returns the file's notes (without brief notes older than `brief_ns`), the number of "
           "valid bytes, whether it was ended by `end_file`, what is damaged, and the sequence of the last "
           "change in it. Entries keep their "
           "versions, and their times to live continue by the wall clock. Counters are restored if "
           "the file was ended. Raises OSError.")
      .def(
          "keep_in",
          [](CacheEngine& self, int file, std::uint64_t file_bytes) {
            auto journal = std::make_unique<cache::Journal>(file, file_bytes, &wall_clock);
            self.cache.with([&](cache::Table& table) { table.keep(std::move(journal)); });
          },
          "file"_a, "file_bytes"_a,
          "Starts writing each change to a file before it is published. Takes ownership of the "
          "descriptor, which is open for reading and writing at its end.")
      .def(
          "collect_changes",
          [](CacheEngine& self) {
            auto journal = std::make_unique<cache::Journal>(&wall_clock);
            self.cache.with([&](cache::Table& table) { table.keep(std::move(journal)); });
          },
          "Starts collecting changes for `take_changes`, instead of writing them to a file.")
      .def("take_changes", &take_changes, nb::sig("def take_changes(self) -> tuple[list[bytes], int]"),
           "The changes since the last call, in blocks as a file has them, and the sequence of the "
           "last one.")
      .def("follow", &follow, "blocks"_a, "wall_ns"_a,
           nb::sig("def follow(self, blocks: bytes, wall_ns: int) -> tuple[list[bytes], str | None]"),
           "Applies changes of another process's cache, or its entries, to this copy of it, which must be without "
           "limits. Returns the notes among them, and what is damaged.")
      .def("write_entries", &write_entries, "file"_a, "notes"_a, "brief_notes"_a,
           "Writes notes and entries to an open file, concurrently with other calls; returns its "
           "size. Raises OSError.")
      .def("rewrite", &rewrite, "file"_a, "temporary"_a, "path"_a, "notes"_a, "brief_notes"_a,
           "Replaces the cache's file with a new one that has these notes and the current entries, "
           "concurrently with other calls: `file`, open for reading and writing, is renamed from "
           "`temporary` to `path` when complete, and the cache then owns it. Raises OSError, and "
           "then nothing has changed.")
      .def(
          "note",
          [](CacheEngine& self, const nb::bytes& note) {
            with_journal(self, [&](cache::Journal& journal) { journal.note(view(note)); });
          },
          "note"_a, "Writes a note, which `replay` returns.")
      .def(
          "hold", [](CacheEngine& self) { with_journal(self, [](cache::Journal& journal) { journal.hold(); }); },
          "Holds back changes until `release`, so that a note can be written with them.")
      .def(
          "release",
          [](CacheEngine& self, const nb::bytes& note) {
            with_journal(self, [&](cache::Journal& journal) {
              journal.release();
              if (note.size() != 0) journal.brief_note(view(note));
            });
          },
          "note"_a,
          "Writes the changes since `hold`, and a brief note unless it is empty, in one "
          "write.")
      .def("end_file", &end_file, "sync"_a,
           "Writes the counters and ends the file: the cache is about to be closed. With `sync`, "
           "everything is on the disk afterwards, or OSError is raised.")
      .def(
          "leave_file",
          [](CacheEngine& self) {
            use_file([&] {
              self.cache.with([](cache::Table& table) { table.keep(nullptr); });
              return 0;
            });
          },
          "Stops writing, without ending the file, which now belongs to another cache or is deleted.")
      .def_prop_ro("file_error", &file_error, nb::sig("def file_error(self) -> str | None"),
                   "Why the last write failed, after which nothing is written until `rewrite`; None "
                   "otherwise.")
      .def("file_statistics", &file_statistics,
           nb::sig("def file_statistics(self) -> tuple[int, int, int, int, int, int]"),
           "Writes, changes and bytes written, failures, size of the file, rewrites.");
}

}  // namespace alphaforge::bindings
