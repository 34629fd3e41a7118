// Preloaded into a process, makes fsync and fdatasync of SQLite's write-ahead logs fail with EIO: as often as the first
// integer in the file $FAILING_SYNC says, always where it is negative. What was written stays in the page cache, as it
// does on Linux.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile int *failures;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAILING_SYNC");
  const int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  void *memory = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) failures = memory;
}

static int fails(int file) {
  char link[64];
  char path[4096];
  if (failures == NULL || *failures == 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, sizeof path);
  if (size < 4 || memcmp(path + size - 4, "-wal", 4) != 0) return 0;
  if (*failures > 0) --*failures;
  errno = EIO;
  return 1;
}

int fsync(int file) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return fails(file) ? -1 : real(file);
}

int fdatasync(int file) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return fails(file) ? -1 : real(file);
}
