#include "granary_system.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

int granary_rename_no_replace(const char *from, const char *to) {
#if defined(__linux__)
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
#elif defined(__APPLE__)
    if (renamex_np(from, to, RENAME_EXCL) == 0) return 0;
    if (errno != ENOTSUP) return errno;
#endif
    if (link(from, to) != 0) return errno;
    // The new name is there: an error would say that it is not. The old one is a leftover if it stays.
    (void)unlink(from);
    return 0;
}

static int set_lock(int descriptor, int is_locked) {
#if defined(F_OFD_SETLK)
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = is_locked ? F_WRLCK : F_UNLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(descriptor, F_OFD_SETLK, &lock) == 0) return 0;
    return errno == EACCES ? EAGAIN : errno;
#else
    if (flock(descriptor, (is_locked ? LOCK_EX : LOCK_UN) | LOCK_NB) == 0) return 0;
    return errno == EWOULDBLOCK ? EAGAIN : errno;
#endif
}

int granary_lock(int descriptor) { return set_lock(descriptor, 1); }

int granary_unlock(int descriptor) { return set_lock(descriptor, 0); }

long granary_blocks_read(void) {
#if defined(RUSAGE_THREAD)
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_inblock : 0;
#else
    return 0;
#endif
}
