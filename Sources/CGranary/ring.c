#include "granary_ring.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#define HAS_RING 1
#endif
#endif

// A read, or a ring, that the kernel puts off so often is given up as failed.
enum { MOST_RETRIES = 64 };

/// Notes the result of a read, negative for an errno; whether it is finished.
static int note_result(granary_read *read, int64_t result) {
    if (result > 0) {
        read->done += (uint32_t)result;
        read->retries = 0;
        return read->done >= read->length;
    }
    if (result == 0) return 1;
    if ((result == -EAGAIN || result == -EINTR) && ++read->retries < MOST_RETRIES) return 0;
    read->error = (int32_t)-result;
    return 1;
}

// MARK: io_uring

#ifdef HAS_RING

struct granary_ring {
    int descriptor;
    unsigned depth;
    unsigned in_flight;
    unsigned unsubmitted;
    unsigned refusals;
    unsigned sq_mask, cq_mask;
    _Atomic unsigned *sq_head, *sq_tail, *cq_head, *cq_tail;
    unsigned *sq_array;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    void *rings;
    size_t rings_length, sqes_length;
};

static int enter(granary_ring *ring, unsigned submitted, unsigned awaited) {
    long result = syscall(
        __NR_io_uring_enter, ring->descriptor, submitted, awaited, IORING_ENTER_GETEVENTS, NULL, (size_t)0);
    return result < 0 ? -errno : (int)result;
}

static int map_ring(granary_ring *ring, const struct io_uring_params *params) {
    size_t sq_length = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    size_t cq_length = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring->rings_length = sq_length > cq_length ? sq_length : cq_length;
    ring->rings = mmap(NULL, ring->rings_length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                       ring->descriptor, IORING_OFF_SQ_RING);
    if (ring->rings == MAP_FAILED) {
        ring->rings = NULL;
        return errno;
    }
    ring->sqes_length = params->sq_entries * sizeof(struct io_uring_sqe);
    void *sqes = mmap(NULL, ring->sqes_length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                      ring->descriptor, IORING_OFF_SQES);
    if (sqes == MAP_FAILED) return errno;
    char *base = ring->rings;
    ring->sqes = sqes;
    ring->sq_head = (_Atomic unsigned *)(base + params->sq_off.head);
    ring->sq_tail = (_Atomic unsigned *)(base + params->sq_off.tail);
    ring->cq_head = (_Atomic unsigned *)(base + params->cq_off.head);
    ring->cq_tail = (_Atomic unsigned *)(base + params->cq_off.tail);
    ring->sq_mask = *(unsigned *)(base + params->sq_off.ring_mask);
    ring->cq_mask = *(unsigned *)(base + params->cq_off.ring_mask);
    ring->sq_array = (unsigned *)(base + params->sq_off.array);
    ring->cqes = (struct io_uring_cqe *)(base + params->cq_off.cqes);
    return 0;
}

/// The next free entry of the submission queue, zeroed. There is one while fewer than `depth` are in flight.
static struct io_uring_sqe *next_entry(granary_ring *ring) {
    unsigned tail = atomic_load_explicit(ring->sq_tail, memory_order_relaxed);
    unsigned slot = tail & ring->sq_mask;
    struct io_uring_sqe *entry = &ring->sqes[slot];
    memset(entry, 0, sizeof *entry);
    ring->sq_array[slot] = slot;
    return entry;
}

static void publish_entry(granary_ring *ring) {
    unsigned tail = atomic_load_explicit(ring->sq_tail, memory_order_relaxed);
    atomic_store_explicit(ring->sq_tail, tail + 1, memory_order_release);
    ring->in_flight++;
    ring->unsubmitted++;
}

static void prepare(granary_ring *ring, int descriptor, const granary_read *read, size_t position) {
    struct io_uring_sqe *entry = next_entry(ring);
    entry->opcode = IORING_OP_READ;
    entry->fd = descriptor;
    entry->off = read->offset + read->done;
    entry->addr = (uint64_t)(uintptr_t)((char *)read->destination + read->done);
    entry->len = read->length - read->done;
    entry->user_data = position;
    publish_entry(ring);
}

/// Takes what is completed. What is not finished is prepared again, unless `descriptor` is negative.
static void reap(granary_ring *ring, int descriptor, granary_read *reads, size_t count) {
    unsigned head = atomic_load_explicit(ring->cq_head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(ring->cq_tail, memory_order_acquire);
    for (; head != tail; head++) {
        struct io_uring_cqe entry = ring->cqes[head & ring->cq_mask];
        atomic_store_explicit(ring->cq_head, head + 1, memory_order_release);
        ring->in_flight--;
        if (entry.user_data >= count) continue;
        granary_read *read = &reads[entry.user_data];
        if (!note_result(read, entry.res) && descriptor >= 0)
            prepare(ring, descriptor, read, entry.user_data);
    }
}

int granary_ring_open(unsigned depth, granary_ring **result) {
    granary_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL) return ENOMEM;
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
#ifdef IORING_SETUP_COOP_TASKRUN
    // Completions wait for the next call instead of interrupting the thread.
    params.flags = IORING_SETUP_COOP_TASKRUN;
#endif
    ring->depth = depth;
    ring->descriptor = (int)syscall(__NR_io_uring_setup, depth, &params);
    if (ring->descriptor < 0 && errno == EINVAL) {
        memset(&params, 0, sizeof params);
        ring->descriptor = (int)syscall(__NR_io_uring_setup, depth, &params);
    }
    int error = ring->descriptor < 0 ? errno : 0;
    const unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL;
    if (error == 0 && (params.features & needed) != needed) error = ENOSYS;
    if (error == 0) error = map_ring(ring, &params);
    if (error == 0) {
        // A filter may allow the one call and not the other.
        struct io_uring_sqe *entry = next_entry(ring);
        entry->opcode = IORING_OP_NOP;
        publish_entry(ring);
        int submitted = enter(ring, 1, 1);
        if (submitted < 0) error = -submitted;
        else ring->unsubmitted = 0;
        reap(ring, -1, NULL, 0);
    }
    if (error != 0) {
        granary_ring_close(ring);
        return error;
    }
    *result = ring;
    return 0;
}

void granary_ring_close(granary_ring *ring) {
    if (ring->sqes != NULL) munmap(ring->sqes, ring->sqes_length);
    if (ring->rings != NULL) munmap(ring->rings, ring->rings_length);
    if (ring->descriptor >= 0) close(ring->descriptor);
    free(ring);
}

unsigned granary_ring_in_flight(const granary_ring *ring) { return ring->in_flight; }

void granary_ring_drain(granary_ring *ring, granary_read *reads, size_t count) {
    // What the kernel has not taken it will not take any more: this thread alone submits.
    unsigned tail = atomic_load_explicit(ring->sq_tail, memory_order_relaxed);
    atomic_store_explicit(ring->sq_tail, tail - ring->unsubmitted, memory_order_release);
    ring->in_flight -= ring->unsubmitted;
    ring->unsubmitted = 0;
    while (ring->in_flight > 0) {
        // An error here changes nothing: the kernel still writes into the destinations.
        if (enter(ring, 0, ring->in_flight) < 0) sched_yield();
        reap(ring, -1, reads, count);
    }
}

int granary_ring_step(granary_ring *ring, int descriptor, granary_read *reads, size_t count, size_t *next) {
    while (*next < count && ring->in_flight < ring->depth) {
        prepare(ring, descriptor, &reads[*next], *next);
        (*next)++;
    }
    // A part of the queue at a time, so that it is refilled, and what is done can be used.
    unsigned awaited = (ring->depth + 7) / 8;
    if (awaited > ring->in_flight) awaited = ring->in_flight;
    int submitted = enter(ring, ring->unsubmitted, awaited);
    int is_passing = submitted == -EINTR || submitted == -EAGAIN || submitted == -EBUSY;
    if (submitted >= 0) {
        ring->unsubmitted -= (unsigned)submitted;
        ring->refusals = 0;
    } else if (!is_passing || ++ring->refusals >= MOST_RETRIES) {
        ring->refusals = 0;
        granary_ring_drain(ring, reads, count);
        return -submitted;
    }
    reap(ring, descriptor, reads, count);
    return 0;
}

#else

struct granary_ring {
    int descriptor;
};

int granary_ring_open(unsigned depth, granary_ring **result) {
    (void)depth, (void)result;
    return ENOSYS;
}

void granary_ring_close(granary_ring *ring) { (void)ring; }

unsigned granary_ring_in_flight(const granary_ring *ring) {
    (void)ring;
    return 0;
}

void granary_ring_drain(granary_ring *ring, granary_read *reads, size_t count) {
    (void)ring, (void)reads, (void)count;
}

int granary_ring_step(granary_ring *ring, int descriptor, granary_read *reads, size_t count, size_t *next) {
    (void)ring, (void)descriptor, (void)reads, (void)count, (void)next;
    return ENOSYS;
}

#endif

// MARK: Threads

typedef struct {
    int descriptor;
    granary_read *reads;
    size_t count;
    atomic_size_t next;
} parallel_work;

static void *read_some(void *argument) {
    parallel_work *work = argument;
    for (;;) {
        size_t position = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
        if (position >= work->count) return NULL;
        granary_read *read = &work->reads[position];
        int64_t result = 0;
        if (read->done >= read->length) continue;
        do {
            result = pread(work->descriptor, (char *)read->destination + read->done,
                           read->length - read->done, (off_t)(read->offset + read->done));
            if (result < 0) result = -errno;
        } while (!note_result(read, result));
    }
}

void granary_read_parallel(int descriptor, granary_read *reads, size_t count, unsigned threads) {
    enum { MOST_THREADS = 64 };
    parallel_work work = {descriptor, reads, count, 0};
    pthread_t handles[MOST_THREADS];
    size_t started = 0, wanted = threads < MOST_THREADS ? threads : MOST_THREADS;
    if (wanted > count) wanted = count;
    pthread_attr_t attributes;
    if (wanted > 1 && pthread_attr_init(&attributes) == 0) {
        (void)pthread_attr_setstacksize(&attributes, 64 << 10);
        // With fewer threads than wished for the work gets done too.
        while (started + 1 < wanted && pthread_create(&handles[started], &attributes, read_some, &work) == 0)
            started++;
        pthread_attr_destroy(&attributes);
    }
    read_some(&work);
    for (size_t thread = 0; thread < started; thread++) pthread_join(handles[thread], NULL);
}

size_t granary_read_cached(int descriptor, granary_read *reads, size_t count) {
    size_t complete = 0;
#if defined(RWF_NOWAIT)
    for (size_t position = 0; position < count; position++) {
        granary_read *read = &reads[position];
        struct iovec vector = {read->destination, read->length};
        ssize_t result = preadv2(descriptor, &vector, 1, (off_t)read->offset, RWF_NOWAIT);
        read->done = result > 0 ? (uint32_t)result : 0;
        complete += read->done == read->length;
    }
#else
    (void)descriptor, (void)reads, (void)count;
#endif
    return complete;
}

// MARK: Pages

int granary_find_resident(
    const void *mapping, size_t mapped, granary_window *windows, size_t count, int is_whole) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t position = 0; position < count; position++) {
        granary_window *window = &windows[position];
        window->resident = 0;
        if (window->wanted == 0) continue;
        unsigned first = is_whole ? 0 : (unsigned)__builtin_ctz(window->wanted);
        unsigned end = is_whole ? window->page_count : 32 - (unsigned)__builtin_clz(window->wanted);
        size_t start = (size_t)window->offset + first * page;
        size_t length = (end - first) * page;
        if (start >= mapped || end > 32) continue;
        if (length > mapped - start) length = mapped - start;
#if defined(__APPLE__)
        char states[32];
#else
        unsigned char states[32];
#endif
        if (mincore((void *)((uintptr_t)mapping + start), length, states) != 0) return errno;
        for (unsigned bit = first; bit < end && (size_t)(bit - first) * page < length; bit++)
            window->resident |= (unsigned)(states[bit - first] & 1) << bit;
    }
    return 0;
}

int granary_may_see_residency(int descriptor) {
    struct stat info;
    if (fstat(descriptor, &info) != 0) return 0;
    return geteuid() == 0 || info.st_uid == geteuid();
}

int granary_advise_needed(const void *mapping, size_t length) {
    return madvise((void *)(uintptr_t)mapping, length, MADV_WILLNEED) == 0 ? 0 : errno;
}

int granary_unmap_pages(const void *mapping, size_t length) {
    return madvise((void *)(uintptr_t)mapping, length, MADV_DONTNEED) == 0 ? 0 : errno;
}

int granary_drop_cached(int descriptor, uint64_t offset, uint64_t length) {
#if defined(POSIX_FADV_DONTNEED)
    return posix_fadvise(descriptor, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
#else
    (void)descriptor, (void)offset, (void)length;
    return 0;
#endif
}

int granary_advise_random(int descriptor) {
#if defined(POSIX_FADV_RANDOM)
    return posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
#else
    (void)descriptor;
    return 0;
#endif
}

int granary_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }

int64_t granary_file_length(int descriptor) {
    struct stat info;
    return fstat(descriptor, &info) == 0 ? (int64_t)info.st_size : -1;
}
