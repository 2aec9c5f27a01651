#include "granary_impacts.h"
#include "rows/rows_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHUNK = 128, CHUNKS = GRANARY_WINDOW / CHUNK, AHEAD_LINES = 6 };

static inline float level_weight(uint8_t level) { return half_value((uint16_t)(level << 8 | 0x80)); }

float granary_level_weight(uint8_t level) { return level_weight(level); }

uint8_t granary_level(float weight) { return (uint8_t)(granary_half(weight) >> 8); }

/// How many documents have been found with each estimate, and the k-th best.
typedef struct {
    uint32_t counts[256];
    uint32_t at_least; // of at least `kth`
    uint32_t total, k;
    uint8_t kth;
} tally;

static inline void count(tally *t, uint8_t estimate) {
    t->counts[estimate]++;
    t->total++;
    if (estimate < t->kth) return;
    t->at_least++;
    while (t->at_least - t->counts[t->kth] >= t->k) t->at_least -= t->counts[t->kth++];
}

/// A search under way.
typedef struct {
    const granary_impacts *impacts;
    const granary_impact_query *query;
    granary_impact_scratch *scratch;
    tally tally;
    uint32_t pool; // candidates so far
    int least;     // estimates below are not wanted any more
    int simd;
} search;

static void raise_least(search *s) {
    int wanted = (int)(s->query->factor * (float)s->tally.kth + 0.999f);
    if (wanted > s->least) s->least = wanted;
}

/// The list of a component in a window. An empty one has no runs.
typedef struct {
    const uint16_t *runs, *documents, *end;
    uint32_t count;
} list_parts;

/// Cuts a list into its parts; returns 0 for one that runs out of its section.
static inline int list_at(const granary_impacts *m, uint64_t number, list_parts *list) {
    uint64_t from = m->starts[number], to = m->starts[number + 1];
    *list = (list_parts){0};
    if (from == to) return 1;
    if (from > to || to > m->length) return 0;
    const uint16_t *p = m->postings + from;
    list->count = p[0];
    if (1 + 2 * (uint64_t)p[0] > to - from) return 0;
    list->runs = p + 1;
    list->documents = list->runs + 2 * (size_t)p[0];
    list->end = m->postings + to;
    return 1;
}

static inline void add_run(uint8_t *sums, const uint16_t *document, const uint16_t *end, uint8_t impact) {
    for (; document + 4 <= end; document += 4) {
        uint64_t four;
        memcpy(&four, document, 8);
        sums[four & 0xffff] += impact;
        sums[four >> 16 & 0xffff] += impact;
        sums[four >> 32 & 0xffff] += impact;
        sums[four >> 48] += impact;
    }
    for (; document < end; document++) sums[*document] += impact;
}

static inline void add_run_wide(uint16_t *sums, const uint16_t *document, const uint16_t *end,
                                uint16_t impact) {
    for (; document < end; document++) sums[*document] += impact;
}

/// Adds the impacts of one list; returns 0 for a malformed one.
static int add_list(search *s, uint64_t number, float weight) {
    list_parts list;
    if (!list_at(s->impacts, number, &list)) return 0;
    const granary_impact_query *q = s->query;
    const uint16_t *document = list.documents;
    for (uint32_t run = 0; run < list.count; run++) {
        float impact = weight * level_weight((uint8_t)(list.runs[2 * run] & 127));
        if (impact < q->least) break;
        float units = impact * q->scale + 0.5f, most = q->wide ? 65535 : 255;
        uint16_t add = (uint16_t)(units < most ? units : most);
        if (add == 0) {
            if (q->least > 0) break;
            add = 1;
        }
        size_t documents = (size_t)list.runs[2 * run + 1] + 1;
        if (documents > (size_t)(list.end - document)) return 0;
        if (q->wide) add_run_wide(s->scratch->wide_sums, document, document + documents, add);
        else add_run(s->scratch->sums, document, document + documents, (uint8_t)add);
        document += documents;
        s->scratch->postings += documents;
    }
    return 1;
}

/// Asks for the beginning of a list, so that its cache misses overlap with other work.
static inline void ask_for(const granary_impacts *m, uint64_t number) {
    uint64_t from = m->starts[number];
    if (from >= m->length) return;
    const uint16_t *line = m->postings + from;
    for (int ahead = 0; ahead < AHEAD_LINES; ahead++) __builtin_prefetch(line + 32 * ahead);
}

static inline int is_set(const uint64_t *bits, uint32_t ordinal) {
    return bits[ordinal / 64] >> ordinal % 64 & 1;
}

static inline void take(search *s, uint32_t ordinal, uint8_t estimate) {
    const granary_impact_query *q = s->query;
    if (q->allowed && !is_set(q->allowed, ordinal)) return;
    if (q->dead && is_set(q->dead, ordinal)) return;
    s->scratch->ordinals[s->pool] = ordinal;
    s->scratch->estimates[s->pool++] = estimate;
    count(&s->tally, estimate);
}

/// Takes the documents of a chunk with sums of at least `least` and below `end`.
static void take_chunk_scalar(search *s, uint32_t first, const uint8_t *sums, uint32_t n, int least,
                              int end) {
    for (uint32_t i = 0; i < n; i++)
        if (sums[i] >= least && sums[i] < end) take(s, first + i, sums[i]);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i chunk_maximum(const uint8_t *sums) {
    const __m256i *v = (const __m256i *)sums;
    return _mm256_max_epu8(
        _mm256_max_epu8(_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1)),
        _mm256_max_epu8(_mm256_loadu_si256(v + 2), _mm256_loadu_si256(v + 3)));
}

/// Whether a chunk has a sum of at least `least`, which is above 0.
AVX2 static inline int chunk_reaches(const uint8_t *sums, int least) {
    __m256i maximum = chunk_maximum(sums);
    __m256i reaching = _mm256_cmpeq_epi8(_mm256_max_epu8(maximum, _mm256_set1_epi8((char)least)), maximum);
    return !_mm256_testz_si256(reaching, reaching);
}

AVX2 static inline uint8_t largest_avx2(const uint8_t *sums) {
    __m256i maximum = chunk_maximum(sums);
    __m128i m = _mm_max_epu8(_mm256_castsi256_si128(maximum), _mm256_extracti128_si256(maximum, 1));
    m = _mm_max_epu8(m, _mm_srli_si128(m, 8));
    m = _mm_max_epu8(m, _mm_srli_si128(m, 4));
    m = _mm_max_epu8(m, _mm_srli_si128(m, 2));
    m = _mm_max_epu8(m, _mm_srli_si128(m, 1));
    return (uint8_t)_mm_cvtsi128_si32(m);
}

AVX2 static inline void take_chunk_avx2(search *s, uint32_t first, const uint8_t *sums, uint32_t n, int least,
                                        int end) {
    __m256i bound = _mm256_set1_epi8((char)least);
    for (uint32_t at = 0; at < n; at += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(sums + at));
        uint32_t bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(v, bound), v));
        for (; bits; bits &= bits - 1) {
            uint32_t i = at + (uint32_t)__builtin_ctz(bits);
            if (i < n && sums[i] < end) take(s, first + i, sums[i]);
        }
    }
}

AVX2 static void collect_avx2(search *s, uint32_t first, uint32_t documents) {
    uint8_t *sums = s->scratch->sums;
    const __m256i zero = _mm256_setzero_si256();
    for (uint32_t at = 0; at < documents; at += CHUNK) {
        if (chunk_reaches(sums + at, s->least)) {
            uint32_t n = documents - at < CHUNK ? documents - at : CHUNK;
            take_chunk_avx2(s, first + at, sums + at, n, s->least, 256);
            raise_least(s);
        }
        __m256i *v = (__m256i *)(sums + at);
        for (int i = 0; i < CHUNK / 32; i++) _mm256_storeu_si256(v + i, zero);
    }
}

AVX2 static void maxima_avx2(const uint8_t *sums, uint32_t chunks, uint8_t *maxima) {
    for (uint32_t c = 0; c < chunks; c++) maxima[c] = largest_avx2(sums + (size_t)c * CHUNK);
}
#endif

static inline void take_chunk(search *s, uint32_t first, const uint8_t *sums, uint32_t n, int least,
                              int end) {
#if defined(__x86_64__)
    if (s->simd) {
        take_chunk_avx2(s, first, sums, n, least, end);
        return;
    }
#endif
    take_chunk_scalar(s, first, sums, n, least, end);
}

/// The largest sum of each chunk of a window.
static void find_maxima(const search *s, uint32_t chunks, uint8_t *maxima) {
#if defined(__x86_64__)
    if (s->simd) {
        maxima_avx2(s->scratch->sums, chunks, maxima);
        return;
    }
#endif
    for (uint32_t c = 0; c < chunks; c++) {
        const uint8_t *sums = s->scratch->sums + (size_t)c * CHUNK;
        maxima[c] = 0;
        for (uint32_t i = 0; i < CHUNK; i++)
            if (sums[i] > maxima[c]) maxima[c] = sums[i];
    }
}

/// Where to begin looking for the k best of a window, when nothing is known yet: a share of the estimate that
/// k chunks reach, or half of the chunks that have one.
static int first_least(const search *s, const uint8_t *maxima, uint32_t chunks) {
    uint32_t counts[256] = {0}, reached = 0;
    for (uint32_t c = 0; c < chunks; c++) counts[maxima[c]]++;
    uint32_t half = (chunks - counts[0] + 1) / 2, wanted = s->query->k < half ? s->query->k : half;
    int estimate = 255;
    while (estimate > 1 && reached + counts[estimate] < wanted) reached += counts[estimate--];
    int least = (int)(s->query->factor * (float)estimate);
    return least < 1 ? 1 : least;
}

/// Collects a window of which nothing tells what a good sum is: from a guess on, and then lower until k
/// documents have been found.
static void collect_first(search *s, uint32_t first, uint32_t documents) {
    uint8_t maxima[CHUNKS];
    uint32_t chunks = (documents + CHUNK - 1) / CHUNK;
    find_maxima(s, chunks, maxima);
    int least = first_least(s, maxima, chunks), end = 256;
    while (1) {
        for (uint32_t c = 0; c < chunks; c++) {
            uint32_t at = c * CHUNK, n = documents - at < CHUNK ? documents - at : CHUNK;
            int bound = s->least > least ? s->least : least;
            if (maxima[c] < bound) continue;
            take_chunk(s, first + at, s->scratch->sums + at, n, bound, end);
            raise_least(s);
        }
        if (least <= s->least || least == 1) break;
        end = least;
        // Once there are k documents, down to the share of the k-th best of them.
        if (s->tally.total >= s->tally.k) least = s->least;
        else least = least / 2 > s->least ? least / 2 : s->least;
    }
    memset(s->scratch->sums, 0, (size_t)chunks * CHUNK);
}

/// Collects a window and clears it; a chunk at a time the least rises to what is known by then.
static void collect(search *s, uint32_t first, uint32_t documents) {
    if (s->tally.total < s->tally.k) {
        collect_first(s, first, documents);
        return;
    }
#if defined(__x86_64__)
    if (s->simd) {
        collect_avx2(s, first, documents);
        return;
    }
#endif
    for (uint32_t at = 0; at < documents; at += CHUNK) {
        uint32_t n = documents - at < CHUNK ? documents - at : CHUNK;
        take_chunk(s, first + at, s->scratch->sums + at, n, s->least, 256);
        raise_least(s);
        memset(s->scratch->sums + at, 0, CHUNK);
    }
}

/// Drops candidates that are not wanted any more, and the weakest beyond `most`.
static void shrink(search *s) {
    granary_impact_scratch *x = s->scratch;
    uint32_t counts[256] = {0}, above = 0, kept = 0;
    for (uint32_t i = 0; i < s->pool; i++) counts[x->estimates[i]]++;
    int weakest = 255; // of these only as many as there is room for
    while (weakest > s->least && above + counts[weakest] <= x->most) above += counts[weakest--];
    uint32_t room = x->most - above;
    for (uint32_t i = 0; i < s->pool; i++) {
        uint8_t estimate = x->estimates[i];
        if (estimate < weakest) {
            if (estimate >= s->least) x->truncated = 1;
            continue;
        }
        if (estimate == weakest) {
            if (room == 0) {
                x->truncated = 1;
                continue;
            }
            room--;
        }
        x->ordinals[kept] = x->ordinals[i];
        x->estimates[kept++] = estimate;
    }
    s->pool = kept;
    // What is as weak as what was dropped is not wanted from other windows either.
    if (x->truncated && weakest + 1 > s->least && weakest < 255) s->least = weakest + 1;
}

/// Puts the candidates in order.
static long finish(search *s) {
    granary_impact_scratch *x = s->scratch;
    shrink(s);
    uint32_t starts[257] = {0};
    for (uint32_t i = 0; i < s->pool; i++) starts[255 - x->estimates[i] + 1]++;
    for (int e = 0; e < 256; e++) starts[e + 1] += starts[e];
    for (uint32_t i = 0; i < s->pool; i++) x->found[starts[255 - x->estimates[i]]++] = x->ordinals[i];
    x->kth = s->tally.total >= s->tally.k ? s->tally.kth : 0;
    return (long)s->pool;
}

/// Makes estimates of wide sums, and clears those.
static void narrow(const search *s) {
    uint8_t *sums = s->scratch->sums;
    uint16_t *wide = s->scratch->wide_sums;
    for (uint32_t i = 0; i < GRANARY_WINDOW; i++) {
        uint8_t estimate = (uint8_t)(wide[i] >> 8);
        sums[i] = estimate ? estimate : wide[i] > 0;
    }
    memset(wide, 0, GRANARY_WINDOW * sizeof *wide);
}

long granary_impacts_search(const granary_impacts *m, const granary_impact_query *q,
                            granary_impact_scratch *x, int level) {
    search s = {m, q, x, {{0}, 0, 0, q->k, 0}, 0, q->floor > 1 ? q->floor : 1, level > 0};
    x->postings = x->truncated = x->kth = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (q->components[i] >= m->components) return -1;
        __builtin_prefetch(m->starts + (uint64_t)q->components[i] * m->windows);
    }
    for (size_t i = 0; i < q->n && m->windows > 0; i++)
        ask_for(m, (uint64_t)q->components[i] * m->windows);
    for (uint32_t window = 0; window < m->windows; window++) {
        uint32_t first = window * GRANARY_WINDOW, documents = m->documents - first;
        if (documents > GRANARY_WINDOW) documents = GRANARY_WINDOW;
        for (size_t i = 0; i < q->n; i++) {
            uint64_t number = (uint64_t)q->components[i] * m->windows + window;
            if (window + 1 < m->windows) ask_for(m, number + 1);
            if (!add_list(&s, number, q->weights[i])) {
                memset(x->sums, 0, GRANARY_WINDOW);
                memset(x->wide_sums, 0, GRANARY_WINDOW * sizeof *x->wide_sums);
                return -1;
            }
        }
        if (q->wide) narrow(&s);
        collect(&s, first, documents);
        // Ordinals beyond the last document, which no writer makes.
        uint32_t cleared = (documents + CHUNK - 1) / CHUNK * CHUNK;
        memset(x->sums + cleared, 0, GRANARY_WINDOW - cleared);
        if (s.pool > x->most) shrink(&s);
    }
    return finish(&s);
}

long granary_impacts_check(const granary_impacts *m, uint64_t number,
                           int (*visit)(void *context, uint32_t ordinal, uint8_t level), void *context) {
    list_parts list;
    if (number >= (uint64_t)m->components * m->windows || !list_at(m, number, &list)) return -1;
    if (list.count == 0) return m->starts[number] == m->starts[number + 1] ? 0 : -1;
    uint32_t first = (uint32_t)(number % m->windows) * GRANARY_WINDOW;
    const uint16_t *document = list.documents;
    uint32_t last_level = GRANARY_LEVELS;
    long total = 0;
    for (uint32_t run = 0; run < list.count; run++) {
        uint32_t level = list.runs[2 * run], documents = (uint32_t)list.runs[2 * run + 1] + 1;
        if (level >= last_level || documents > (size_t)(list.end - document)) return -1;
        last_level = level;
        for (uint32_t i = 0; i < documents; i++) {
            if ((i > 0 && document[i] <= document[i - 1]) || first + document[i] >= m->documents) return -1;
            if (visit && visit(context, first + document[i], (uint8_t)level)) return -1;
        }
        document += documents;
        total += documents;
    }
    return document == list.end ? total : -1;
}
