// What the machine can do: reads rows of a file by io_uring (through the page cache and around it), by serial
// faults of a mapping, and, when all is in memory, sums them from the mapping.
//
//   cc -O3 -march=native -o raw raw.c -luring
//   raw FILE STRIDE ROWS.txt [WARM_PASSES]
//
// ROWS.txt has the numbers of the rows of a query on each line; a row lies on one page of 4096 bytes if it
// fits (Formats/dense.md). Prints the median and the 99th percentile of a query in microseconds. Cold: the
// file has left the page cache before every 40 queries.
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, DEPTH = 128, ROUND = 40, MOST_ROWS = 4096, MOST_BYTES = 1 << 16 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static size_t stride;
static size_t offset_of(long row) {
    size_t on_page = PAGE / stride;
    return on_page ? row / on_page * PAGE + row % on_page * stride : row * stride;
}

static int ascending(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return x < y ? -1 : x > y;
}
static int less(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct io_uring ring;
static char *buffers;

/// Reads the pages of all rows, each row by itself, at most DEPTH at a time.
static void read_ring(int file, const long *rows, size_t count) {
    size_t submitted = 0, done = 0;
    while (done < count) {
        while (submitted < count && submitted - done < DEPTH) {
            struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
            if (!entry) break;
            size_t start = offset_of(rows[submitted]) / PAGE * PAGE;
            size_t end = (offset_of(rows[submitted]) + stride + PAGE - 1) / PAGE * PAGE;
            io_uring_prep_read(entry, file, buffers + submitted * MOST_BYTES, end - start, start);
            submitted++;
        }
        io_uring_submit_and_wait(&ring, 1);
        struct io_uring_cqe *entry;
        unsigned head, seen = 0;
        io_uring_for_each_cqe(&ring, head, entry) {
            if (entry->res < 0) exit(fprintf(stderr, "read: %s\n", strerror(-entry->res)));
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
        done += seen;
    }
}

static volatile float sink;

/// Touches every row, one after the other; the next ones are asked for ahead.
static void gather(const char *base, const long *rows, size_t count) {
    float sum[16] = {0};
    for (size_t i = 0; i < count; i++) {
        if (i + 8 < count)
            for (size_t at = 0; at < stride && at < 256; at += 64)
                __builtin_prefetch(base + offset_of(rows[i + 8]) + at);
        const float *row = (const float *)(base + offset_of(rows[i]));
        for (size_t at = 0; at + 16 <= stride / 4; at += 16)
            for (int lane = 0; lane < 16; lane++) sum[lane] += row[at + lane];
    }
    for (int lane = 0; lane < 16; lane++) sink += sum[lane];
}

static void report(const char *name, double *times, size_t count, size_t rows) {
    qsort(times, count, sizeof *times, less);
    printf("%-16s %5zu rows  p50 %9.1f  p99 %9.1f us\n", name, rows, times[count / 2],
           times[count * 99 / 100]);
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "raw FILE STRIDE ROWS.txt [WARM_PASSES]\n"), 64;
    stride = strtoul(argv[2], 0, 10);
    int passes = argc > 4 ? atoi(argv[4]) : 3;
    int file = open(argv[1], O_RDONLY), direct = open(argv[1], O_RDONLY | O_DIRECT);
    FILE *text = fopen(argv[3], "r");
    struct stat info;
    if (file < 0 || direct < 0 || !text || fstat(file, &info)) return perror("open"), 66;
    posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
    char *base = mmap(0, info.st_size, PROT_READ, MAP_SHARED, file, 0);
    madvise(base, info.st_size, MADV_RANDOM);
    io_uring_queue_init(DEPTH, &ring, 0);
    buffers = aligned_alloc(PAGE, (size_t)MOST_ROWS * MOST_BYTES);
    memset(buffers, 0, (size_t)MOST_ROWS * MOST_BYTES);

    static long *queries[100000];
    static size_t counts[100000];
    size_t total = 0;
    char *line = 0;
    size_t capacity = 0;
    while (getline(&line, &capacity, text) > 0 && total < 100000) {
        long *rows = malloc(MOST_ROWS * sizeof *rows);
        size_t count = 0;
        for (char *at = line, *end; count < MOST_ROWS; at = end) {
            long row = strtol(at, &end, 10);
            if (end == at) break;
            if (offset_of(row) + stride <= (size_t)info.st_size) rows[count++] = row;
        }
        qsort(rows, count, sizeof *rows, ascending);
        queries[total] = rows, counts[total++] = count;
    }
    double *times = malloc((total + 1) * passes * sizeof *times);
    for (size_t start = 0, end; start < total; start = end) {
        for (end = start; end < total && counts[end] == counts[start]; end++) {}
        for (int mode = 0; mode < 3; mode++) {
            for (size_t query = start; query < end; query++) {
                if ((query - start) % ROUND == 0) {
                    madvise(base, info.st_size, MADV_DONTNEED);
                    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
                }
                double before = now();
                if (mode == 2) gather(base, queries[query], counts[query]);
                else read_ring(mode ? direct : file, queries[query], counts[query]);
                times[query - start] = now() - before;
            }
            const char *names[] = {"io_uring", "io_uring direct", "serial faults"};
            report(names[mode], times, end - start, counts[start]);
        }
        for (size_t query = start; query < end; query++) gather(base, queries[query], counts[query]);
        size_t done = 0;
        for (int pass = 0; pass < passes; pass++)
            for (size_t query = start; query < end; query++, done++) {
                double before = now();
                gather(base, queries[query], counts[query]);
                times[done] = now() - before;
            }
        report("warm gather", times, done, counts[start]);
    }
}
