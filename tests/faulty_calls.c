/* A library before libc: it counts the calls of a process that change something, over all its
 * threads, and lets one of them fail, or kill the process before it is made.
 *
 * CALLS_LOG: a file to which the name of each call is written, with a "!" if it was struck.
 * CALLS_FAULT: "NAME FIRST LAST ERRNO": which calls of a name fail; ERRNO 0 kills. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether this thread is in here already: our own calls count for nothing. */
static __thread int inside = 0;

static void note(const char *name, int is_struck) {
    static int log = -1;
    char line[40];
    if (log < 0 && getenv("CALLS_LOG"))
        log = open(getenv("CALLS_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
    int length = snprintf(line, sizeof line, "%s%s\n", name, is_struck ? "!" : "");
    if (log >= 0 && write(log, line, length) < 0)
        abort();
}

static int is_struck(const char *name, int *error) {
    static int count = 0;
    char struck[20];
    int first, last;
    const char *said = getenv("CALLS_FAULT");
    if (!said || sscanf(said, "%19s %d %d %d", struck, &first, &last, error) != 4)
        return 0;
    if (strcmp(name, struck))
        return 0;
    int n = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    return first <= n && n <= last;
}

/* Returns the error that a call gets instead of being made, 0 if none. */
static int fault(const char *name) {
    int before = errno, error = 0;
    if (inside)
        return 0;
    inside = 1;
    int struck = is_struck(name, &error);
    note(name, struck);
    if (struck && !error)
        kill(getpid(), SIGKILL);
    inside = 0;
    errno = before;
    return struck ? error : 0;
}

#define CALL(known_as, name, arguments)                                                            \
    {                                                                                              \
        static __typeof__(name) *real;                                                             \
        int error = fault(known_as);                                                               \
        if (!real)                                                                                 \
            real = dlsym(RTLD_NEXT, #name);                                                        \
        if (!error)                                                                                \
            return real arguments;                                                                 \
        errno = error;                                                                             \
        return -1;                                                                                 \
    }

int mkdir(const char *path, mode_t mode) CALL("mkdir", mkdir, (path, mode))
int rmdir(const char *path) CALL("rmdir", rmdir, (path))
int unlink(const char *path) CALL("unlink", unlink, (path))
int rename(const char *from, const char *to) CALL("rename", rename, (from, to))
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
    CALL("renameat2", renameat2, (a, from, b, to, flags))
int fsync(int file) CALL("fsync", fsync, (file))
int fdatasync(int file) CALL("fdatasync", fdatasync, (file))
int ftruncate64(int file, off64_t size) CALL("ftruncate", ftruncate64, (file, size))
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at)
    CALL("pwrite", pwrite64, (file, data, size, at))
int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
    CALL("utimensat", utimensat, (folder, path, times, flags))
int connect(int to, const struct sockaddr *address, socklen_t size)
    CALL("connect", connect, (to, address, size))
ssize_t send(int to, const void *data, size_t size, int flags)
    CALL("send", send, (to, data, size, flags))
ssize_t recv(int from, void *data, size_t size, int flags)
    CALL("recv", recv, (from, data, size, flags))


/* Of writes those to files count, not those to pipes, on which logs go out. */
static ssize_t write_file(int file, const void *data, size_t size)
    CALL("write", write, (file, data, size))

ssize_t write(int file, const void *data, size_t size) {
    static __typeof__(write) *real;
    struct stat found;
    int before = errno;
    if (!real)
        real = dlsym(RTLD_NEXT, "write");
    int is_file = !inside && !fstat(file, &found) && S_ISREG(found.st_mode);
    errno = before;
    return is_file ? write_file(file, data, size) : real(file, data, size);
}

/* Of opens those count that may make a file. */
static int open_new(const char *path, int flags, mode_t mode)
    CALL("open", open64, (path, flags, mode))

int open64(const char *path, int flags, ...) {
    static __typeof__(open64) *real;
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (!real)
        real = dlsym(RTLD_NEXT, "open64");
    return flags & O_CREAT ? open_new(path, flags, mode) : real(path, flags, mode);
}
