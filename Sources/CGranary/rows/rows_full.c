#include "rows_internal.h"

#if defined(__x86_64__)
#include "rows_avx2.h"
#endif

enum { FINE_LINES = 4 };

/// The stored weight of an entry.
static inline float stored_weight(const row_parts *p, uint8_t width, const uint8_t *rest, uint32_t entry,
                                  uint32_t component, uint32_t components, const float *steps) {
    float weight;
    if (width == 4) memcpy(&weight, rest + 4ull * entry, 4);
    else if (width == 1) weight = half_value((uint16_t)(p->codes[entry] << 7 | (rest[entry] & 127)));
    else weight = component < components ? (float)p->codes[entry] * steps[component] * p->scale : 0;
    return weight;
}

/// The bytes of the rest of a row's weights; null when they run past their section.
static inline const uint8_t *fine_at(const granary_fine *fine, uint32_t ordinal, const row_parts *p) {
    uint64_t start = (uint64_t)fine->starts[ordinal] * GROUP * fine->width;
    return start + (uint64_t)p->entries * fine->width > fine->length ? 0 : fine->bytes + start;
}

int granary_row_weights(const granary_rows *rows, const granary_fine *fine, const float *steps,
                        uint32_t ordinal, const uint32_t *wanted, size_t n, float *weights, int level) {
    row_parts p = row_at(rows, ordinal);
    if (!p.codes) return -1;
    const uint8_t *rest = fine->width ? fine_at(fine, ordinal, &p) : 0;
    if (fine->width && !rest) return -1;
    row_cursor cursor = {p.gaps, 0, 0};
    uint32_t ids[CURSOR_ENTRIES];
    size_t next = 0;
    memset(weights, 0, n * sizeof(float));
    while (next < n) {
        uint32_t first = cursor.group * GROUP;
        long entries = granary_row_advance(rows, &p, &cursor, ids, level);
        if (entries <= 0) return (int)entries;
        for (uint32_t e = 0; e < (uint32_t)entries && next < n; e++) {
            while (wanted[next] < ids[e])
                if (++next == n) return 0;
            if (wanted[next] != ids[e]) continue;
            float weight = stored_weight(&p, fine->width, rest, first + e, ids[e], rows->components, steps);
            // Padding and bridges repeat or pass components with weight 0: an entry proper is not undone by
            // them.
            if (weight > 0) weights[next] = weight;
        }
    }
    return 0;
}

/// One row on its way into a query's places.
typedef struct {
    const granary_row_source *source;
    const float *table;
    const granary_full_query *query;
    row_parts row;
    const uint8_t *rest;
    float *stored;
} gathering;

/// Takes an entry of one of the query's components.
static inline void take(const gathering *g, uint32_t entry, uint32_t component) {
    float weight = stored_weight(&g->row, g->source->fine.width, g->rest, entry, component,
                                 g->source->rows.components, g->source->steps);
    // Padding and bridges repeat or pass components with weight 0.
    float *stored = g->stored + g->query->places[component];
    *stored = weight > *stored ? weight : *stored;
}

/// Writes the stored weights of a row to their places; returns -1 for a malformed row.
static int gather_scalar(const gathering *g, int level) {
    const granary_rows *rows = &g->source->rows;
    row_cursor cursor = {g->row.gaps, 0, 0};
    uint32_t ids[CURSOR_ENTRIES];
    while (1) {
        uint32_t first = cursor.group * GROUP;
        long entries = granary_row_advance(rows, &g->row, &cursor, ids, level);
        if (entries <= 0) return (int)entries;
        for (uint32_t e = 0; e < (uint32_t)entries; e++) {
            uint32_t id = rows->wide && ids[e] > rows->components ? rows->components : ids[e];
            // Most entries are none of the query's.
            if (g->table[id] != 0) take(g, first + e, id);
        }
    }
}

#if defined(__x86_64__)
/// For each byte: the shuffle that moves the u16 lanes of its bits to the front.
static uint8_t packs[256][16] __attribute__((aligned(64)));

__attribute__((constructor)) static void make_packs(void) {
    for (int bits = 0; bits < 256; bits++) {
        int next = 0;
        for (int lane = 0; lane < GROUP; lane++)
            if (bits >> lane & 1) {
                packs[bits][next++] = (uint8_t)(2 * lane);
                packs[bits][next++] = (uint8_t)(2 * lane + 1);
            }
    }
}

enum { FOUND = 256 };

/// First collects the entries of the query's components, without branches that nobody can foretell.
AVX2 static int gather_narrow(const gathering *g) {
    const row_parts *p = &g->row;
    const uint8_t *gaps = p->gaps;
    const __m128i eight = _mm_set1_epi16(GROUP);
    __m128i x, previous = _mm_setzero_si128(), entry = _mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7);
    uint16_t ids[FOUND + GROUP], entries[FOUND + GROUP];
    uint32_t found = 0;
    for (uint32_t group = 0; group < p->entries / GROUP; group++) {
        if (!next_components(p, group, &gaps, &previous, &x)) return -1;
        __m256 q = table_at(g->table, x);
        int hits = _mm256_movemask_ps(_mm256_cmp_ps(q, _mm256_setzero_ps(), _CMP_NEQ_OQ));
        __m128i pack = _mm_load_si128((const __m128i *)packs[hits]);
        _mm_storeu_si128((__m128i *)(ids + found), _mm_shuffle_epi8(x, pack));
        _mm_storeu_si128((__m128i *)(entries + found), _mm_shuffle_epi8(entry, pack));
        entry = _mm_add_epi16(entry, eight);
        found += (uint32_t)__builtin_popcount((unsigned)hits);
        if (found < FOUND - GROUP) continue;
        for (uint32_t i = 0; i < found; i++) take(g, entries[i], ids[i]);
        found = 0;
    }
    for (uint32_t i = 0; i < found; i++) take(g, entries[i], ids[i]);
    return 0;
}
#endif

static int gather(const granary_row_source *s, const float *table, const granary_full_query *q,
                  uint32_t ordinal, float *stored, int level) {
    gathering g = {s, table, q, row_at(&s->rows, ordinal), 0, stored};
    if (!g.row.codes) return -1;
    g.rest = s->fine.width ? fine_at(&s->fine, ordinal, &g.row) : 0;
    if (s->fine.width && !g.rest) return -1;
#if defined(__x86_64__)
    if (level > 0 && !s->rows.wide) return gather_narrow(&g);
#endif
    return gather_scalar(&g, level);
}

/// Whether the table tells all of the query's components: a small weight times a small step may be 0.
static int tells_all(const float *table, const granary_full_query *q) {
    for (size_t i = 0; i < q->n; i++)
        if (table[q->components[i]] == 0) return 0;
    return 1;
}

/// As `gather`, for a table that does not tell.
static int gather_slowly(const granary_row_source *s, const granary_full_query *q, uint32_t ordinal,
                         float *stored, int level) {
    for (size_t i = 0; i < q->n; i++)
        if (granary_row_weights(&s->rows, &s->fine, s->steps, ordinal, q->components + i, 1,
                                stored + q->places[q->components[i]], level) < 0)
            return -1;
    return 0;
}

size_t granary_rows_score_full(const granary_row_source *s, const float *table, const granary_full_query *q,
                               const uint32_t *ordinals, size_t n, float *stored, float *scores, int level) {
    const granary_fine *fine = &s->fine;
    size_t bad = 0;
    int told = tells_all(table, q);
    for (size_t i = 0; i < n && fine->width; i++) {
        if (ordinals[i] >= s->rows.count) continue;
        uint64_t start = (uint64_t)fine->starts[ordinals[i]] * GROUP * fine->width;
        for (int line = 0; line < FINE_LINES && start + 64 * (uint64_t)line < fine->length; line++)
            __builtin_prefetch(fine->bytes + start + 64 * line);
    }
    for (size_t i = 0; i < n; i++) {
        memset(stored, 0, q->count * sizeof(float));
        int result = told ? gather(s, table, q, ordinals[i], stored, level)
                          : gather_slowly(s, q, ordinals[i], stored, level);
        bad += result < 0;
        float score = 0;
        for (size_t place = 0; place < q->count; place++) score += q->weights[place] * stored[place];
        scores[i] = result < 0 ? 0 : score;
    }
    return bad;
}
