#ifndef GRANARY_RING_H
#define GRANARY_RING_H

#include <stddef.h>
#include <stdint.h>

// Many small reads of one file at once: through io_uring by raw system calls, through threads, or at once for
// what is in the page cache; and the calls about the pages of a mapping. Functions return 0 or an errno
// unless they say otherwise. Nothing here keeps a pointer after it returns.

/// A read of `length` bytes at `offset`. The reader sets `done` and `error`; a read is finished when it
/// failed, got everything, or met the end of the file, which is `done < length` without an error.
typedef struct {
    uint64_t offset;
    void *destination;
    uint32_t length;
    uint32_t done;
    int32_t error;
    uint32_t retries;
} granary_read;

/// Pages of a mapping that lie together: up to 32 from the page at `offset` on, a bit each.
typedef struct {
    uint64_t offset;
    uint32_t page_count;
    uint32_t wanted;
    uint32_t resident;
    uint32_t reserved;
} granary_window;

/// A ring of its own, for one thread at a time.
typedef struct granary_ring granary_ring;

/// Makes a ring for up to `depth` reads in flight and tries it with an operation that does nothing. ENOSYS or
/// EPERM where the kernel, its settings or a filter of system calls refuse; ENOSYS before Linux 5.7.
int granary_ring_open(unsigned depth, granary_ring **result);

/// Ends a ring in which nothing is in flight.
void granary_ring_close(granary_ring *ring);

/// Hands reads from `*next` on to the kernel while there is room, waits for some, and moves `*next`. The work
/// is done when `*next == count` and nothing is in flight. After an error of the ring itself nothing is in
/// flight.
int granary_ring_step(granary_ring *ring, int descriptor, granary_read *reads, size_t count, size_t *next);

/// Reads in flight.
unsigned granary_ring_in_flight(const granary_ring *ring);

/// Waits until nothing is in flight: before the destinations may go.
void granary_ring_drain(granary_ring *ring, granary_read *reads, size_t count);

/// Reads by up to `threads` threads, the caller's among them.
void granary_read_parallel(int descriptor, granary_read *reads, size_t count, unsigned threads);

/// Reads what is in the page cache, without waiting for a device; `done` says how much.
///
/// Returns how many reads got everything. All that did not may be read again as if they had never been tried.
size_t granary_read_cached(int descriptor, granary_read *reads, size_t count);

/// Sets the bits of the pages of a mapping that are in memory. Only the span of the wanted pages is looked at
/// unless `is_whole`.
int granary_find_resident(
    const void *mapping, size_t mapped, granary_window *windows, size_t count, int is_whole);

/// Whether the kernel tells this process the truth about what of a file is in memory: to those who could only
/// read it, it says that everything is.
int granary_may_see_residency(int descriptor);

/// Begins to read pages of a mapping, and does not wait for them.
int granary_advise_needed(const void *mapping, size_t length);

/// Takes pages of a mapping from this process. They stay in the page cache.
int granary_unmap_pages(const void *mapping, size_t length);

/// Takes pages of a file from the page cache, if no process maps them and they are not dirty.
int granary_drop_cached(int descriptor, uint64_t offset, uint64_t length);

/// Tells the system that a file is read in small pieces: no reading ahead.
int granary_advise_random(int descriptor);

/// A second descriptor of an open file, not passed on to other programs; -1 and errno on failure.
int granary_duplicate(int descriptor);

/// The length of an open file; -1 and errno on failure.
int64_t granary_file_length(int descriptor);

#endif
