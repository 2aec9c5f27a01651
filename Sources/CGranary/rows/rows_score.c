#include "rows_internal.h"

#if defined(__x86_64__)
#include "rows_avx2.h"
#endif

typedef float (*score_function)(const granary_rows *, const row_parts *, const float *, size_t *);

static inline float add_lanes(const float a[GROUP]) {
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

static inline float code_value(uint8_t code, int linear) {
    if (linear) return (float)code;
    uint32_t bits = (uint32_t)code << 20;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static float score_scalar(const granary_rows *r, const row_parts *p, const float *table, size_t *bad) {
    float lanes[GROUP] = {0};
    const uint8_t *gaps = p->gaps;
    uint32_t previous = 0, mask = component_mask(r), ids[GROUP];
    for (uint32_t g = 0; g < p->entries / GROUP; g++) {
        size_t used = decode_group(p->control[g], gaps, p->gaps_end, &previous, mask, ids);
        if (used == 0) {
            ++*bad;
            return 0;
        }
        gaps += used;
        for (int lane = 0; lane < GROUP; lane++) {
            uint32_t id = r->wide && ids[lane] > r->components ? r->components : ids[lane];
            lanes[lane] += table[id] * code_value(p->codes[g * GROUP + (uint32_t)lane], r->linear);
        }
    }
    return add_lanes(lanes) * p->scale;
}

#if defined(__x86_64__)
uint8_t granary_shuffles[256][16] __attribute__((aligned(64)));

__attribute__((constructor)) static void make_shuffles(void) {
    for (int control = 0; control < 256; control++) {
        uint8_t from = 0;
        for (int lane = 0; lane < GROUP; lane++) {
            granary_shuffles[control][2 * lane] = from++;
            granary_shuffles[control][2 * lane + 1] = control >> lane & 1 ? from++ : 0x80;
        }
    }
}

AVX2 static inline __m256 codes_at(const uint8_t *codes, int linear) {
    __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)codes));
    return linear ? _mm256_cvtepi32_ps(wide) : _mm256_castsi256_ps(_mm256_slli_epi32(wide, 20));
}

AVX2 static inline float reduce(__m256 acc) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(acc), _mm256_extractf128_ps(acc, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX2 static inline __attribute__((always_inline)) float score_narrow(const row_parts *p, const float *table,
                                                                     int linear, size_t *bad) {
    __m256 acc = _mm256_setzero_ps();
    const uint8_t *gaps = p->gaps;
    __m128i x, previous = _mm_setzero_si128();
    for (uint32_t g = 0; g < p->entries / GROUP; g++) {
        if (!next_components(p, g, &gaps, &previous, &x)) {
            ++*bad;
            return 0;
        }
        acc = _mm256_add_ps(acc, _mm256_mul_ps(table_at(table, x), codes_at(p->codes + g * GROUP, linear)));
    }
    return reduce(acc) * p->scale;
}

AVX2 static float score_narrow_log(const granary_rows *r, const row_parts *p, const float *table,
                                   size_t *bad) {
    (void)r;
    return score_narrow(p, table, 0, bad);
}

AVX2 static float score_narrow_linear(const granary_rows *r, const row_parts *p, const float *table,
                                      size_t *bad) {
    (void)r;
    return score_narrow(p, table, 1, bad);
}

/// Decodes groups up to `end`; returns -1 when gaps run past the end of the row.
AVX2 static int advance_narrow(const row_parts *p, row_cursor *cursor, uint32_t end, uint32_t *out) {
    __m128i x, previous = _mm_set1_epi16((short)cursor->previous);
    for (; cursor->group < end; cursor->group++, out += GROUP) {
        if (!next_components(p, cursor->group, &cursor->gaps, &previous, &x)) return -1;
        _mm256_storeu_si256((__m256i *)out, _mm256_cvtepu16_epi32(x));
    }
    cursor->previous = (uint32_t)_mm_extract_epi16(previous, 0);
    return 0;
}

AVX2 static float score_wide(const granary_rows *r, const row_parts *p, const float *table, size_t *bad) {
    __m256 acc = _mm256_setzero_ps();
    const uint8_t *gaps = p->gaps;
    const __m256i beyond = _mm256_set1_epi32((int)r->components);
    __m256i previous = _mm256_setzero_si256();
    for (uint32_t g = 0; g < p->entries / GROUP; g++) {
        uint8_t control = p->control[g];
        size_t used = GROUP + (size_t)__builtin_popcount(control);
        if (used > (size_t)(p->gaps_end - gaps)) {
            ++*bad;
            return 0;
        }
        __m256i x = _mm256_cvtepu16_epi32(gaps_at(control, gaps));
        gaps += used;
        x = _mm256_add_epi32(x, _mm256_slli_si256(x, 4));
        x = _mm256_add_epi32(x, _mm256_slli_si256(x, 8));
        __m256i low = _mm256_permutevar8x32_epi32(x, _mm256_set1_epi32(3));
        x = _mm256_add_epi32(x, _mm256_blend_epi32(_mm256_setzero_si256(), low, 0xf0));
        x = _mm256_add_epi32(x, previous);
        previous = _mm256_permutevar8x32_epi32(x, _mm256_set1_epi32(7));
        uint32_t ids[GROUP] __attribute__((aligned(32)));
        _mm256_store_si256((__m256i *)ids, _mm256_min_epu32(x, beyond));
        __m256 q = _mm256_setr_ps(table[ids[0]], table[ids[1]], table[ids[2]], table[ids[3]], table[ids[4]],
                                  table[ids[5]], table[ids[6]], table[ids[7]]);
        acc = _mm256_add_ps(acc, _mm256_mul_ps(q, codes_at(p->codes + g * GROUP, r->linear)));
    }
    return reduce(acc) * p->scale;
}
#endif

int granary_rows_best_level(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? 1 : 0;
#else
    return 0;
#endif
}

static score_function kernel(const granary_rows *r, int level) {
#if defined(__x86_64__)
    if (level > 0) return r->wide ? score_wide : r->linear ? score_narrow_linear : score_narrow_log;
#endif
    (void)r, (void)level;
    return score_scalar;
}

long granary_row_advance(const granary_rows *r, const row_parts *p, row_cursor *cursor, uint32_t *components,
                         int level) {
    uint32_t groups = p->entries / GROUP, first = cursor->group;
    uint32_t end = groups - first > CURSOR_ENTRIES / GROUP ? first + CURSOR_ENTRIES / GROUP : groups;
#if defined(__x86_64__)
    if (level > 0 && !r->wide)
        return advance_narrow(p, cursor, end, components) < 0 ? -1 : (long)(end - first) * GROUP;
#endif
    (void)level;
    for (; cursor->group < end; cursor->group++, components += GROUP) {
        size_t used = decode_group(p->control[cursor->group], cursor->gaps, p->gaps_end, &cursor->previous,
                                   component_mask(r), components);
        if (used == 0) return -1;
        cursor->gaps += used;
    }
    return (long)(end - first) * GROUP;
}

/// Loads a byte of every cache line of a row, if the row lies inside its section. Any number of rows may say
/// that they have all of it: what no row reaches is left alone.
static inline uint64_t touch_row(const granary_rows *r, uint32_t ordinal) {
    if (ordinal >= r->count) return 0;
    uint64_t start = (uint64_t)r->starts[ordinal] * 8, end = (uint64_t)r->starts[ordinal + 1] * 8;
    if (start >= end || end > r->length) return 0;
    return granary_touch(r->rows + start, end - start < MOST_ROW ? end - start : MOST_ROW);
}

static inline float score_one(const granary_rows *r, const float *table, uint32_t ordinal,
                              score_function score, size_t *bad) {
    row_parts p = row_at(r, ordinal);
    if (!p.codes) {
        ++*bad;
        return 0;
    }
    return score(r, &p, table, bad);
}

size_t granary_rows_score(const granary_rows *rows, const float *table, const uint32_t *ordinals, size_t n,
                          float *scores, int level) {
    score_function score = kernel(rows, level);
    size_t bad = 0;
    volatile uint64_t keep = 0;
    for (size_t from = 0; from < n; from += TOUCH_GROUP) {
        size_t to = from + TOUCH_GROUP < n ? from + TOUCH_GROUP : n;
        uint64_t sum = 0;
        for (size_t i = from; i < to; i++) sum += ordinals[i] < rows->count ? rows->starts[ordinals[i]] : 0;
        keep = sum;
        sum = 0;
        for (size_t i = from; i < to; i++) sum += touch_row(rows, ordinals[i]);
        keep = sum;
        for (size_t i = from; i < to; i++) scores[i] = score_one(rows, table, ordinals[i], score, &bad);
    }
    (void)keep;
    return bad;
}

size_t granary_rows_score_range(const granary_rows *rows, const float *table, uint32_t first, size_t n,
                                float *scores, int level) {
    score_function score = kernel(rows, level);
    size_t bad = 0;
    // The rows follow each other: the processor's own prefetching is enough.
    for (size_t i = 0; i < n; i++) scores[i] = score_one(rows, table, first + (uint32_t)i, score, &bad);
    return bad;
}
