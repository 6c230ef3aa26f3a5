/* Records what a process does to the files below a directory, in order, together with what it prints.
 *
 * Preloaded into the victim of the power-loss test, and into real nodes. What they start is recorded too: the victim
 * starts nothing, and what starts a node becomes it.
 * For each operation one record goes to RECORD_TO:
 *     op u8 | offset u64 | path length u32 | data length u32 | path | data          (native byte order)
 *
 * C path            file created          W path offset data   data written
 * T path offset     length set            M path data          renamed to `data`
 * U path            file removed          D path               directory made
 * R path            directory removed     S path               fsync of a file or a directory
 * s path            fdatasync             A data               printed on standard output
 *
 * Syncs are recorded and not done: the images of the test are made from the record alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *below;
static int record_fd = -1;
static char *paths[FDS];

static void record(char op, uint64_t offset, const char *path, const void *data, size_t len) {
    char head[17];
    uint32_t path_len = (uint32_t)strlen(path), data_len = (uint32_t)len;
    head[0] = op;
    memcpy(head + 1, &offset, 8);
    memcpy(head + 9, &path_len, 4);
    memcpy(head + 13, &data_len, 4);
    struct iovec parts[3] = {{head, 17}, {(void *)path, path_len}, {(void *)data, len}};
    if (writev(record_fd, parts, 3) != (ssize_t)(17 + path_len + len)) {
        abort();
    }
}

__attribute__((constructor)) static void start(void) {
    below = getenv("RECORD_BELOW");
    const char *to = getenv("RECORD_TO");
    if (below && to) {
        record_fd = NEXT(open64)(to, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    }
}

static int tracked(const char *path) {
    return record_fd >= 0 && strncmp(path, below, strlen(below)) == 0;
}

static const char *path_of(int fd) {
    return record_fd >= 0 && fd >= 0 && fd < FDS ? paths[fd] : NULL;
}

/* Does `call` and, if it succeeded, `then`, as one step of the record. */
#define ORDERED(type, failed, call, then)      \
    do {                                       \
        pthread_mutex_lock(&mutex);            \
        type result = (call);                  \
        int saved = errno;                     \
        if (result != (type)(failed)) {        \
            then;                              \
        }                                      \
        pthread_mutex_unlock(&mutex);          \
        errno = saved;                         \
        return result;                         \
    } while (0)

static void opened(int fd, const char *path, int existed, int flags) {
    struct stat stat;
    if (fd >= FDS || fstat(fd, &stat) != 0) {
        abort();
    }
    free(paths[fd]);
    paths[fd] = strdup(path);
    if (S_ISDIR(stat.st_mode)) {
        return;
    }
    if (!existed) {
        record('C', 0, path, NULL, 0);
    } else if (flags & O_TRUNC) {
        record('T', 0, path, NULL, 0);
    }
}

static int do_open(const char *path, int flags, mode_t mode) {
    if (!tracked(path)) {
        return NEXT(open64)(path, flags, mode);
    }
    struct stat stat_before;
    int existed = stat(path, &stat_before) == 0;
    ORDERED(int, -1, NEXT(open64)(path, flags, mode), opened(result, path, existed, flags));
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return do_open(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return do_open(path, flags, mode);
}

int close(int fd) {
    if (path_of(fd)) {
        pthread_mutex_lock(&mutex);
        free(paths[fd]);
        paths[fd] = NULL;
        pthread_mutex_unlock(&mutex);
    }
    return NEXT(close)(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset) {
    if (!path_of(fd)) {
        return NEXT(pwrite64)(fd, data, len, offset);
    }
    ORDERED(ssize_t, -1, NEXT(pwrite64)(fd, data, len, offset), record('W', (uint64_t)offset, paths[fd], data, (size_t)result));
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset) {
    return pwrite64(fd, data, len, offset);
}

ssize_t write(int fd, const void *data, size_t len) {
    if (fd == STDOUT_FILENO && record_fd >= 0) {
        ORDERED(ssize_t, -1, NEXT(write)(fd, data, len), record('A', 0, "", data, (size_t)result));
    }
    if (!path_of(fd)) {
        return NEXT(write)(fd, data, len);
    }
    ORDERED(ssize_t, -1, NEXT(write)(fd, data, len),
            record('W', (uint64_t)(lseek64(fd, 0, SEEK_CUR) - result), paths[fd], data, (size_t)result));
}

int ftruncate64(int fd, off64_t len) {
    if (!path_of(fd)) {
        return NEXT(ftruncate64)(fd, len);
    }
    ORDERED(int, -1, NEXT(ftruncate64)(fd, len), record('T', (uint64_t)len, paths[fd], NULL, 0));
}

int ftruncate(int fd, off_t len) {
    return ftruncate64(fd, len);
}

int fsync(int fd) {
    if (!path_of(fd)) {
        return NEXT(fsync)(fd);
    }
    ORDERED(int, -1, 0, record('S', 0, paths[fd], NULL, 0));
}

int fdatasync(int fd) {
    if (!path_of(fd)) {
        return NEXT(fdatasync)(fd);
    }
    ORDERED(int, -1, 0, record('s', 0, paths[fd], NULL, 0));
}

/* Makes nothing durable that counts: neither the device's cache nor a file's new length. */
int sync_file_range(int fd, off64_t offset, off64_t len, unsigned flags) {
    return path_of(fd) ? 0 : NEXT(sync_file_range)(fd, offset, len, flags);
}

static void renamed(const char *from, const char *to) {
    record('M', 0, from, to, strlen(to));
    for (int fd = 0; fd < FDS; fd++) {
        if (paths[fd] && strcmp(paths[fd], from) == 0) {
            free(paths[fd]);
            paths[fd] = strdup(to);
        }
    }
}

int rename(const char *from, const char *to) {
    if (!tracked(from)) {
        return NEXT(rename)(from, to);
    }
    ORDERED(int, -1, NEXT(rename)(from, to), renamed(from, to));
}

int unlink(const char *path) {
    if (!tracked(path)) {
        return NEXT(unlink)(path);
    }
    ORDERED(int, -1, NEXT(unlink)(path), record('U', 0, path, NULL, 0));
}

int rmdir(const char *path) {
    if (!tracked(path)) {
        return NEXT(rmdir)(path);
    }
    ORDERED(int, -1, NEXT(rmdir)(path), record('R', 0, path, NULL, 0));
}

int mkdir(const char *path, mode_t mode) {
    if (!tracked(path)) {
        return NEXT(mkdir)(path, mode);
    }
    ORDERED(int, -1, NEXT(mkdir)(path, mode), record('D', 0, path, NULL, 0));
}

int unlinkat(int dir, const char *name, int flags) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t len = dir == AT_FDCWD ? 0 : readlink(link, path, 2048);
    if (len < 0 || strlen(name) > 2000) {
        abort();
    }
    snprintf(path + len, sizeof path - (size_t)len, "%s%s", len ? "/" : "", name);
    if (!tracked(path)) {
        return NEXT(unlinkat)(dir, name, flags);
    }
    ORDERED(int, -1, NEXT(unlinkat)(dir, name, flags), record(flags & AT_REMOVEDIR ? 'R' : 'U', 0, path, NULL, 0));
}
