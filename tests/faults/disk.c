/* A library for LD_PRELOAD: records what a process does to the files below one folder, and lets calls fail.
 *
 * It stands between the process and the kernel, so it sees the writes of SQLite and polars as well as those of
 * Python. It does nothing until `disk_watch` is called. One mutex orders all calls, so the log has one order.
 *
 * A record of the log is `struct record`, followed by two names and the data (see recording.py).
 */
#define _GNU_SOURCE
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
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 'c', MKDIR = 'm', WRITE = 'w', TRUNCATE = 't', SYNC = 's', SYNC_FAILED = 'f', RENAME = 'r',
       UNLINK = 'u', RMDIR = 'd', LINK = 'l', MARK = 'k' };
enum { FAIL_WRITES = 1, FAIL_SYNCS = 2, FAIL_CREATES = 4, FAIL_CHANGES = 8 };

struct record { uint8_t kind, durable; uint16_t name, other; uint32_t size; uint64_t inode, offset; }
    __attribute__((packed));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static int fault_errno, fault_kinds, fault_lasts;
static long fault_at, eligible;

/* ---- control, called from Python ---- */

void disk_watch(const char *folder, const char *log) {
    pthread_mutex_lock(&mutex);
    if (log_file >= 0) { syscall(SYS_close, log_file); log_file = -1; }
    snprintf(root, sizeof root, "%s", folder ? folder : "");
    root_length = strlen(root);
    if (log && *log)
        log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    pthread_mutex_unlock(&mutex);
}

/* Let eligible call number `at` fail, counted from 1, and those after it too if `lasts`. */
void disk_fail(int error, int kinds, long at, int lasts) {
    pthread_mutex_lock(&mutex);
    fault_errno = error, fault_kinds = kinds, fault_at = at, fault_lasts = lasts, eligible = 0;
    pthread_mutex_unlock(&mutex);
}

/* Stop failing; return how many calls were eligible. */
long disk_heal(void) {
    pthread_mutex_lock(&mutex);
    long count = eligible;
    fault_kinds = 0, eligible = 0;
    pthread_mutex_unlock(&mutex);
    return count;
}

/* ---- parts ---- */

static int is_below(const char *path) {
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static void note(int kind, int durable, uint64_t inode, uint64_t offset, const char *name, const char *other,
                 const void *data, size_t size) {
    if (log_file < 0) return;
    struct record head = {kind, durable, strlen(name), strlen(other), size, inode, offset};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)other, head.other},
                            {(void *)data, size}};
    if (syscall(SYS_writev, log_file, parts, 4) < 0) abort();
}

void disk_mark(const char *text) {
    pthread_mutex_lock(&mutex);
    note(MARK, 0, 0, 0, text, "", 0, 0);
    pthread_mutex_unlock(&mutex);
}

/* Whether this call of one of the kinds must fail; sets errno. */
static int fails(int kinds) {
    if (!(fault_kinds & kinds)) return 0;
    eligible++;
    if (fault_at && (eligible == fault_at || (fault_lasts && eligible > fault_at))) {
        errno = fault_errno;
        return 1;
    }
    return 0;
}

/* Make a path absolute without following links; 0 if it is not below the root. */
static int locate(int folder, const char *path, char *into) {
    if (!root_length || !path) return 0;
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
    } else {
        char link[64], base[PATH_MAX];
        if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
        if (snprintf(into, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    return is_below(into);
}

/* Look an open file up; 0 if it is not below the root. */
static int opened(int file, struct stat *status, char *path) {
    char link[64];
    if (!root_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path) && !fstat(file, status);
}

static uint64_t inode_of(const char *path) {
    struct stat status;
    return lstat(path, &status) ? 0 : status.st_ino;
}

/* ---- files ---- */

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    int is_watched = locate(folder, path, full);
    if (!is_watched) return syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&mutex);
    struct stat before;
    int existed = !lstat(full, &before), creates = (flags & O_CREAT) && !existed, result = -1;
    int changes = (flags & O_ACCMODE) != O_RDONLY || creates;
    if (!(changes && fails(FAIL_CHANGES | (creates ? FAIL_CREATES : 0))))
        result = syscall(SYS_openat, folder, path, flags, mode);
    if (result >= 0 && creates) note(CREATE, 0, inode_of(full), 0, full, "", 0, 0);
    if (result >= 0 && existed && (flags & O_TRUNC) && before.st_size)
        note(TRUNCATE, 0, before.st_ino, 0, full, "", 0, 0);
    pthread_mutex_unlock(&mutex);
    return result;
}

#define MODE(flags, last) ({ mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; \
    va_start(list, last); mode = va_arg(list, mode_t); va_end(list); } mode; })
int open(const char *path, int flags, ...) { return open_at(AT_FDCWD, path, flags, MODE(flags, flags)); }
int open64(const char *path, int flags, ...) { return open_at(AT_FDCWD, path, flags, MODE(flags, flags)); }
int openat(int at, const char *path, int flags, ...) { return open_at(at, path, flags, MODE(flags, flags)); }
int openat64(int at, const char *path, int flags, ...) { return open_at(at, path, flags, MODE(flags, flags)); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

static ssize_t write_at(int file, const void *data, size_t size, off_t offset, int has_offset) {
    struct stat status;
    char path[PATH_MAX];
    if (!opened(file, &status, path) || !S_ISREG(status.st_mode))
        return has_offset ? syscall(SYS_pwrite64, file, data, size, offset) : syscall(SYS_write, file, data, size);
    pthread_mutex_lock(&mutex);
    int flags = fcntl(file, F_GETFL), durable = !!(flags & O_DSYNC);
    fstat(file, &status);
    if (!has_offset) offset = flags & O_APPEND ? status.st_size : syscall(SYS_lseek, file, 0, SEEK_CUR);
    ssize_t written = -1;
    if (!fails(FAIL_CHANGES | FAIL_WRITES | (durable ? FAIL_SYNCS : 0)))
        written = has_offset ? syscall(SYS_pwrite64, file, data, size, offset) : syscall(SYS_write, file, data, size);
    if (written > 0) note(WRITE, durable, status.st_ino, offset, path, "", data, written);
    pthread_mutex_unlock(&mutex);
    return written;
}

ssize_t write(int file, const void *data, size_t size) { return write_at(file, data, size, 0, 0); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return write_at(file, data, size, at, 1); }
ssize_t pwrite64(int file, const void *data, size_t size, off_t at) { return write_at(file, data, size, at, 1); }

ssize_t writev(int file, const struct iovec *parts, int count) {
    struct stat status;
    char path[PATH_MAX];
    if (!opened(file, &status, path) || !S_ISREG(status.st_mode)) return syscall(SYS_writev, file, parts, count);
    ssize_t all = 0;
    for (int part = 0; part < count; part++) {
        ssize_t written = write_at(file, parts[part].iov_base, parts[part].iov_len, 0, 0);
        if (written < 0) return all ? all : -1;
        all += written;
    }
    return all;
}

/* Copies within the kernel are refused, so that the caller falls back on reading and writing. */
ssize_t sendfile64(int to, int from, off_t *offset, size_t count) {
    struct stat status;
    char path[PATH_MAX];
    if (opened(to, &status, path)) { errno = ENOTSOCK; return -1; }
    return syscall(SYS_sendfile, to, from, offset, count);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t count) { return sendfile64(to, from, offset, count); }
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *into, size_t size, unsigned flags) {
    struct stat status;
    char path[PATH_MAX];
    if (opened(to, &status, path)) { errno = EOPNOTSUPP; return -1; }
    return syscall(SYS_copy_file_range, from, at, to, into, size, flags);
}
int posix_fallocate(int file, off_t offset, off_t size) { return EOPNOTSUPP; }
int posix_fallocate64(int file, off_t offset, off_t size) { return EOPNOTSUPP; }
int fallocate(int file, int mode, off_t offset, off_t size) { errno = EOPNOTSUPP; return -1; }
int fallocate64(int file, int mode, off_t offset, off_t size) { errno = EOPNOTSUPP; return -1; }

int ftruncate(int file, off_t size) {
    struct stat status;
    char path[PATH_MAX];
    if (!opened(file, &status, path)) return syscall(SYS_ftruncate, file, size);
    pthread_mutex_lock(&mutex);
    int result = fails(FAIL_CHANGES | FAIL_WRITES) ? -1 : syscall(SYS_ftruncate, file, size);
    if (!result) note(TRUNCATE, 0, status.st_ino, size, path, "", 0, 0);
    pthread_mutex_unlock(&mutex);
    return result;
}
int ftruncate64(int file, off_t size) { return ftruncate(file, size); }

static int sync_file(int file, long call) {
    struct stat status;
    char path[PATH_MAX];
    if (!opened(file, &status, path)) return syscall(call, file);
    pthread_mutex_lock(&mutex);
    int failed = fails(FAIL_SYNCS);  /* nothing is really flushed: no power is lost */
    note(failed ? SYNC_FAILED : SYNC, 0, status.st_ino, 0, path, "", 0, 0);
    pthread_mutex_unlock(&mutex);
    return failed ? -1 : 0;
}
int fsync(int file) { return sync_file(file, SYS_fsync); }
int fdatasync(int file) { return sync_file(file, SYS_fdatasync); }

/* ---- names ---- */

static int change_names(int kind, int at, const char *path, int to, const char *new, unsigned flags) {
    char from[PATH_MAX], into[PATH_MAX] = "";
    int is_watched = locate(at, path, from) | (new ? locate(to, new, into) : 0);
    pthread_mutex_lock(&mutex);
    uint64_t inode = is_watched ? inode_of(from) : 0;
    int result = -1;
    if (!(is_watched && fails(FAIL_CHANGES | (kind == MKDIR || kind == LINK ? FAIL_CREATES : 0)))) {
        if (kind == MKDIR) result = syscall(SYS_mkdirat, at, path, flags);
        else if (kind == RENAME) result = syscall(SYS_renameat2, at, path, to, new, flags);
        else if (kind == LINK) result = syscall(SYS_linkat, at, path, to, new, flags);
        else result = syscall(SYS_unlinkat, at, path, kind == RMDIR ? AT_REMOVEDIR : 0);
    }
    if (is_watched && !result) note(kind, 0, inode ? inode : inode_of(from), kind == RENAME ? flags : 0, from, into, 0, 0);
    pthread_mutex_unlock(&mutex);
    return result;
}

int mkdir(const char *path, mode_t mode) { return change_names(MKDIR, AT_FDCWD, path, 0, 0, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return change_names(MKDIR, at, path, 0, 0, mode); }
int rename(const char *path, const char *new) { return change_names(RENAME, AT_FDCWD, path, AT_FDCWD, new, 0); }
int renameat(int at, const char *path, int to, const char *new) { return change_names(RENAME, at, path, to, new, 0); }
int renameat2(int at, const char *path, int to, const char *new, unsigned flags) {
    return change_names(RENAME, at, path, to, new, flags);
}
int link(const char *path, const char *new) { return change_names(LINK, AT_FDCWD, path, AT_FDCWD, new, 0); }
int linkat(int at, const char *path, int to, const char *new, int flags) {
    return change_names(LINK, at, path, to, new, flags);
}
int unlink(const char *path) { return change_names(UNLINK, AT_FDCWD, path, 0, 0, 0); }
int unlinkat(int at, const char *path, int flags) {
    return change_names(flags & AT_REMOVEDIR ? RMDIR : UNLINK, at, path, 0, 0, 0);
}
int rmdir(const char *path) { return change_names(RMDIR, AT_FDCWD, path, 0, 0, 0); }
