// Preloaded into a process, records in the file $RECORDED_TRACE what it does to the files in the folder $RECORDED_FOLDER:
// writes, truncations, syncs, renames, removals, in one order. Files are identified by their inode.
// tests/support/power_cuts.py derives from the record what a power cut may leave.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum operation { CREATED = 1, WRITTEN, TRUNCATED, SYNCED, FOLDER_SYNCED, RENAMED, REMOVED, FOLDER_MADE };

struct record {
  uint32_t operation;
  uint32_t path_bytes;
  uint64_t inode;
  uint64_t offset;
  uint64_t data_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_bytes;
static int trace = -1;

__attribute__((constructor)) static void begin(void) {
  const char *of = getenv("RECORDED_FOLDER");
  const char *to = getenv("RECORDED_TRACE");
  if (of == NULL || to == NULL || realpath(of, folder) == NULL) return;
  folder_bytes = strlen(folder);
  trace = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// The path within the folder; NULL for others.
static const char *within(const char *path) {
  if (trace < 0 || path == NULL) return NULL;
  if (strncmp(path, folder, folder_bytes) != 0) return NULL;
  return path[folder_bytes] == '/' ? path + folder_bytes + 1 : path[folder_bytes] == '\0' ? path + folder_bytes : NULL;
}

static const char *within_at(int at, const char *path) {
  return at == AT_FDCWD || (path != NULL && path[0] == '/') ? within(path) : NULL;
}

static const char *path_of(int file, char *buffer) {
  char link[64];
  if (trace < 0) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, buffer, PATH_MAX - 1);
  if (size < 0) return NULL;
  buffer[size] = '\0';
  return within(buffer);
}

static void whole(const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0) {
    const ssize_t written = syscall(SYS_write, trace, at, size);
    if (written < 0) abort();
    at += written;
    size -= (size_t)written;
  }
}

static void record(enum operation operation, const char *path, uint64_t inode, uint64_t offset, const void *data,
                   size_t size) {
  const struct record head = {operation, path == NULL ? 0 : (uint32_t)strlen(path), inode, offset, size};
  whole(&head, sizeof head);
  if (path != NULL) whole(path, head.path_bytes);
  if (data != NULL) whole(data, size);
}

// The inode of a file in the folder; 0 for others.
static uint64_t inode_of(int file) {
  char buffer[PATH_MAX];
  struct stat status;
  if (path_of(file, buffer) == NULL || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  return status.st_ino;
}

static int opened(int file, const char *path, int flags, int existed) {
  struct stat status;
  if (path == NULL || file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return file;
  if (!existed) record(CREATED, path, status.st_ino, 0, NULL, 0);
  if (existed && (flags & O_TRUNC) != 0) record(TRUNCATED, NULL, status.st_ino, 0, NULL, 0);
  return file;
}

static int open_in(int at, const char *name, int flags, mode_t mode) {
  const char *path = (flags & O_CREAT) != 0 || (flags & O_TRUNC) != 0 ? within_at(at, name) : NULL;
  if (path == NULL) return (int)syscall(SYS_openat, at, name, flags, mode);
  pthread_mutex_lock(&lock);
  const int existed = access(name, F_OK) == 0;
  const int file = opened((int)syscall(SYS_openat, at, name, flags, mode), path, flags, existed);
  pthread_mutex_unlock(&lock);
  return file;
}

static mode_t mode_of(int flags, va_list arguments) { return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0; }

#define OPEN(name, more)                                   \
  int name(const char *path, int flags, ...) {             \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_in(AT_FDCWD, path, flags | (more), mode);  \
  }
OPEN(open, 0)
OPEN(open64, O_LARGEFILE)

#define OPENAT(name, more)                                 \
  int name(int at, const char *path, int flags, ...) {     \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_in(at, path, flags | (more), mode);        \
  }
OPENAT(openat, 0)
OPENAT(openat64, O_LARGEFILE)

ssize_t write(int file, const void *bytes, size_t size) {
  const uint64_t inode = trace < 0 ? 0 : inode_of(file);
  if (inode == 0) return syscall(SYS_write, file, bytes, size);
  pthread_mutex_lock(&lock);
  const ssize_t written = syscall(SYS_write, file, bytes, size);
  if (written > 0)
    record(WRITTEN, NULL, inode, (uint64_t)(lseek(file, 0, SEEK_CUR) - written), bytes, (size_t)written);
  pthread_mutex_unlock(&lock);
  return written;
}

static ssize_t write_at(int file, const void *bytes, size_t size, off64_t offset) {
  const uint64_t inode = trace < 0 ? 0 : inode_of(file);
  if (inode == 0) return syscall(SYS_pwrite64, file, bytes, size, offset);
  pthread_mutex_lock(&lock);
  const ssize_t written = syscall(SYS_pwrite64, file, bytes, size, offset);
  if (written > 0) record(WRITTEN, NULL, inode, (uint64_t)offset, bytes, (size_t)written);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) { return write_at(file, bytes, size, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
  return write_at(file, bytes, size, offset);
}

static int truncate_to(int file, off64_t size) {
  const uint64_t inode = trace < 0 ? 0 : inode_of(file);
  if (inode == 0) return (int)syscall(SYS_ftruncate, file, size);
  pthread_mutex_lock(&lock);
  const int failed = (int)syscall(SYS_ftruncate, file, size);
  if (!failed) record(TRUNCATED, NULL, inode, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}

int ftruncate(int file, off_t size) { return truncate_to(file, size); }
int ftruncate64(int file, off64_t size) { return truncate_to(file, size); }

// Recorded as done; nothing is actually synced, since that would take long.
static int sync_file(int file) {
  char buffer[PATH_MAX];
  struct stat status;
  const char *path = path_of(file, buffer);
  if (path == NULL || fstat(file, &status) != 0) return 0;
  pthread_mutex_lock(&lock);
  if (S_ISDIR(status.st_mode))
    record(FOLDER_SYNCED, path, 0, 0, NULL, 0);
  else
    record(SYNCED, NULL, status.st_ino, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return 0;
}

int fsync(int file) { return sync_file(file); }
int fdatasync(int file) { return sync_file(file); }

int rename(const char *from, const char *to) {
  const char *path = within(from);
  if (path == NULL) return REAL(rename)(from, to);
  pthread_mutex_lock(&lock);
  const int failed = REAL(rename)(from, to);
  if (!failed) {
    const char *name = within(to);
    record(RENAMED, path, 0, 0, name, name == NULL ? 0 : strlen(name));
  }
  pthread_mutex_unlock(&lock);
  return failed;
}

static int removed(const char *path, int (*remove)(const char *), const char *name) {
  pthread_mutex_lock(&lock);
  const int failed = remove(name);
  if (!failed) record(REMOVED, path, 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}

int unlink(const char *name) {
  const char *path = within(name);
  return path == NULL ? REAL(unlink)(name) : removed(path, REAL(unlink), name);
}

int rmdir(const char *name) {
  const char *path = within(name);
  return path == NULL ? REAL(rmdir)(name) : removed(path, REAL(rmdir), name);
}

int mkdir(const char *name, mode_t mode) {
  const char *path = within(name);
  if (path == NULL) return REAL(mkdir)(name, mode);
  pthread_mutex_lock(&lock);
  const int failed = REAL(mkdir)(name, mode);
  if (!failed) record(FOLDER_MADE, path, 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return failed;
}
