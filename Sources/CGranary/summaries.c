#include "granary_summaries.h"
#include "rows/rows_internal.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

enum { TABLE_HEADER = 8, LEVELS = 16, PACKED_BLOCKS = 16, WINDOW = 64 };

/// A table cut into its parts; `lows` is null when it does not fit into its section.
typedef struct {
    const uint16_t *buckets;
    const uint8_t *lows, *blocks, *codes; // `codes` is null where one byte holds block and code
    uint32_t block_count, entries;
    uint8_t base, shift;
} table_parts;

static uint32_t bucket_count(uint32_t components, uint8_t shift) {
    return (uint32_t)(((uint64_t)components + (1u << shift) - 1) >> shift);
}

/// Bytes of a table without its padding.
static uint64_t table_bytes(uint32_t buckets, uint64_t entries, uint64_t blocks, uint8_t shift) {
    return TABLE_HEADER + 2 * ((uint64_t)buckets + 1) + entries * (shift / 8) + entries +
        (blocks > PACKED_BLOCKS ? (entries + 1) / 2 : 0);
}

static inline table_parts table_at(const granary_summaries *s, uint32_t table) {
    table_parts p = {0};
    if (table >= s->count) return p;
    uint64_t start = (uint64_t)s->starts[table] * 8, end = (uint64_t)s->starts[table + 1] * 8;
    if (start + TABLE_HEADER > end || end > s->length) return p;
    const uint8_t *bytes = s->bytes + start;
    p.block_count = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    p.base = bytes[2];
    memcpy(&p.entries, bytes + 4, 4);
    p.shift = s->wide ? 16 : 8;
    uint32_t buckets = bucket_count(s->components, p.shift);
    if (p.block_count > GRANARY_TABLE_BLOCKS || p.entries > GRANARY_TABLE_ENTRIES ||
        table_bytes(buckets, p.entries, p.block_count, p.shift) > end - start)
        return p;
    p.buckets = (const uint16_t *)(bytes + TABLE_HEADER);
    p.lows = (const uint8_t *)(p.buckets + buckets + 1);
    p.blocks = p.lows + (size_t)p.entries * (p.shift / 8);
    p.codes = p.block_count > PACKED_BLOCKS ? p.blocks + p.entries : 0;
    return p;
}

static inline uint32_t low_at(const table_parts *p, uint32_t at) {
    return p->shift == 8 ? p->lows[at] : (uint32_t)p->lows[2 * at] | (uint32_t)p->lows[2 * at + 1] << 8;
}

/// Entries of one component: positions at..<end, none when they are equal.
typedef struct {
    uint32_t at, end, query;
} table_run;

/// The entries with a low part among the `run->end` entries from `run->at` on, which ascend: a window's
/// length or less. They do not begin before; they may go on up to `to`.
static inline void find_low(const table_parts *p, table_run *run, uint32_t to, uint32_t low, int level) {
    uint32_t from = run->at, n = run->end;
    run->end = from;
#if defined(__x86_64__)
    if (level > 0 && p->shift == 8) {
        // Up to 64 bytes beyond the lows may be read: blocks follow, or what the container keeps behind a
        // section.
        const __m128i *lows = (const __m128i *)(p->lows + from), wanted = _mm_set1_epi8((char)low);
        uint64_t equal = 0;
        for (int i = 0; i < WINDOW / 16; i++)
            equal |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(lows + i), wanted))
                << 16 * i;
        equal &= n >= WINDOW ? UINT64_MAX : (1ull << n) - 1;
        if (!equal) return;
        run->at = from + (uint32_t)__builtin_ctzll(equal);
        run->end = from + WINDOW - (uint32_t)__builtin_clzll(equal);
        while (run->end < to && low_at(p, run->end) == low) run->end++;
        return;
    }
#endif
    (void)level;
    while (run->at < from + n && low_at(p, run->at) < low) run->at++;
    run->end = run->at;
    while (run->end < to && low_at(p, run->end) == low) run->end++;
}

/// Narrows each component's bucket to a window, all in step: the loads of one step do not wait for each
/// other. A run's `end` is its length here. Returns -1 for a malformed bucket.
static int narrow(const table_parts *p, const uint32_t *components, size_t n, table_run *runs) {
    uint32_t longest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bucket = components[i] >> p->shift, from = p->buckets[bucket], to = p->buckets[bucket + 1];
        if (from > to || to > p->entries) return -1;
        runs[i] = (table_run){from, to - from, (uint32_t)i};
        if (to - from > longest) longest = to - from;
        __builtin_prefetch(p->lows + (size_t)(from + (to - from) / 2) * (p->shift / 8));
    }
    for (; longest > WINDOW; longest -= longest / 2) {
        for (size_t i = 0; i < n; i++) {
            uint32_t half = runs[i].end > WINDOW ? runs[i].end / 2 : 0;
            uint32_t low = components[i] & ((1u << p->shift) - 1);
            if (half == 0) continue;
            // Without a branch: where a query's component lies is anyone's guess.
            runs[i].at += low_at(p, runs[i].at + half - 1) < low ? half : 0;
            runs[i].end -= half;
            __builtin_prefetch(p->lows + (size_t)(runs[i].at + runs[i].end / 2) * (p->shift / 8));
        }
    }
    return 0;
}

static inline uint32_t block_at(const table_parts *p, uint32_t at) {
    return p->codes ? p->blocks[at] : p->blocks[at] & 15u;
}

void granary_summaries_touch(const granary_summaries *s, uint32_t table) {
    if (table >= s->count) return;
    uint64_t start = (uint64_t)s->starts[table] * 8, end = (uint64_t)s->starts[table + 1] * 8;
    if (start > end || end > s->length) return;
    if (end > start + 256) end = start + 256;
    for (uint64_t line = start; line < end; line += 64) __builtin_prefetch(s->bytes + line);
}

long granary_summaries_score(const granary_summaries *s, uint32_t table, const uint32_t *components,
                             const float *weights, size_t n, uint32_t *found, float *estimates,
                             int level) {
    table_parts p = table_at(s, table);
    if (!p.lows) return -1;
    for (size_t i = 0; i < n; i++)
        if (components[i] >= s->components) return -1;
    table_run *runs = (table_run *)found;
    if (narrow(&p, components, n, runs) < 0) return -1;
    size_t hits = 0;
    for (size_t i = 0; i < n; i++) {
        table_run run = runs[i];
        find_low(&p, &run, p.buckets[(components[i] >> p.shift) + 1], components[i] & ((1u << p.shift) - 1),
                 level);
        runs[hits] = run;
        __builtin_prefetch(p.blocks + run.at);
        if (p.codes) __builtin_prefetch(p.codes + run.at / 2);
        hits += run.at < run.end;
    }
    float values[LEVELS], products[LEVELS];
    for (uint32_t l = 0; l < LEVELS; l++) {
        uint32_t code = p.base + 2u * l;
        values[l] = granary_code_value((uint8_t)(code > 255 ? 255 : code));
    }
    memset(estimates, 0, p.block_count * sizeof(float));
    for (const table_run *run = runs; run < runs + hits; run++) {
        for (uint32_t l = 0; l < LEVELS; l++) products[l] = weights[run->query] * values[l];
        if (p.codes)
            for (uint32_t at = run->at; at < run->end; at++)
                estimates[p.blocks[at]] += products[p.codes[at / 2] >> 4 * (at & 1) & 15];
        else
            for (uint32_t at = run->at; at < run->end; at++)
                estimates[p.blocks[at] & 15] += products[p.blocks[at] >> 4];
    }
    return (long)p.block_count;
}

long granary_summaries_check(const granary_summaries *s, uint32_t table) {
    table_parts p = table_at(s, table);
    if (!p.lows || p.block_count == 0) return -1;
    uint32_t buckets = bucket_count(s->components, p.shift), at = 0;
    if (p.buckets[0] != 0 || p.buckets[buckets] != p.entries) return -1;
    for (uint32_t bucket = 0; bucket < buckets; bucket++) {
        uint32_t first = at, end = p.buckets[bucket + 1];
        if (end < at || end > p.entries) return -1;
        for (; at < end; at++) {
            uint32_t low = low_at(&p, at), block = block_at(&p, at);
            if (block >= p.block_count || ((uint64_t)bucket << p.shift) + low >= s->components) return -1;
            if (at == first) continue;
            uint32_t before = low_at(&p, at - 1);
            if (low < before || (low == before && block <= block_at(&p, at - 1))) return -1;
        }
    }
    return (long)p.block_count;
}

size_t granary_summaries_bound(size_t entries, uint32_t components, uint8_t wide) {
    uint8_t shift = wide ? 16 : 8;
    return table_bytes(bucket_count(components, shift), entries, GRANARY_TABLE_BLOCKS, shift) + 8;
}

/// The code of a weight above a base, a quarter of an octave each, to the nearest.
static uint8_t level_of(uint16_t half, uint8_t base) {
    int32_t above = (int32_t)half - ((int32_t)base << 7) + 128;
    return above < 0 ? 0 : above >> 8 > LEVELS - 1 ? LEVELS - 1 : (uint8_t)(above >> 8);
}

size_t granary_summaries_encode(const granary_summary_entry *entries, size_t n, size_t blocks,
                                uint32_t components, uint8_t wide, uint8_t *out) {
    uint8_t shift = wide ? 16 : 8;
    uint16_t largest = 0;
    for (size_t i = 0; i < n; i++)
        if (entries[i].half > largest) largest = entries[i].half;
    int base = (largest >> 7) - 2 * (LEVELS - 1);
    uint32_t buckets = bucket_count(components, shift), count = (uint32_t)n, bucket = 0;
    size_t length = table_bytes(buckets, n, blocks, shift), padded = (length + 7) / 8 * 8;
    memset(out, 0, padded);
    out[0] = (uint8_t)blocks, out[1] = (uint8_t)(blocks >> 8), out[2] = (uint8_t)(base < 0 ? 0 : base);
    memcpy(out + 4, &count, 4);
    uint16_t *starts = (uint16_t *)(out + TABLE_HEADER);
    uint8_t *lows = (uint8_t *)(starts + buckets + 1), *block = lows + n * (shift / 8), *codes = block + n;
    for (size_t i = 0; i < n; i++) {
        uint32_t component = entries[i].component;
        while (bucket < component >> shift) starts[++bucket] = (uint16_t)i;
        if (wide) lows[2 * i] = (uint8_t)component, lows[2 * i + 1] = (uint8_t)(component >> 8);
        else lows[i] = (uint8_t)component;
        uint8_t level = level_of(entries[i].half, out[2]);
        if (blocks > PACKED_BLOCKS) {
            block[i] = entries[i].block;
            codes[i / 2] |= (uint8_t)(level << 4 * (i & 1));
        } else block[i] = (uint8_t)(entries[i].block | level << 4);
    }
    while (bucket < buckets) starts[++bucket] = (uint16_t)n;
    return padded;
}
