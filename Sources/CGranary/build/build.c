#include "granary_build.h"
#include "../rows/rows_internal.h"
#include <stdlib.h>

enum { MAXIMUM_ENTRIES = 65536 };

typedef struct {
    uint16_t slot;
    uint8_t code;
} centroid_posting;

struct granary_builder {
    uint32_t components;
    uint64_t *bitmap;   // one bit a component; all zero between calls
    float *maximum, *sum; // by component; only where the bitmap is set
    uint32_t *count;    // by component; all zero between calls
    uint32_t *start;
    uint32_t *ids, *order;
    uint8_t *codes;
    uint16_t *halves;
    float *weights;
    float value[256];
    centroid_posting *postings;
    size_t postings_capacity;
    float *scores;
    size_t scores_capacity;
    uint32_t *touched;
    size_t touched_count;
};

void granary_builder_free(granary_builder *b) {
    if (!b) return;
    free(b->bitmap), free(b->maximum), free(b->sum), free(b->count), free(b->start), free(b->ids),
    free(b->order);
    free(b->codes), free(b->halves), free(b->weights), free(b->postings), free(b->scores), free(b->touched);
    free(b);
}

granary_builder *granary_builder_create(uint32_t components) {
    granary_builder *b = calloc(1, sizeof *b);
    if (!b) return 0;
    size_t n = (size_t)components + 1;
    b->components = components;
    b->bitmap = calloc((n + 63) / 64, 8);
    b->maximum = calloc(n, 4), b->sum = calloc(n, 4);
    b->count = calloc(n + 1, 4), b->start = calloc(n + 1, 4);
    b->ids = malloc(MAXIMUM_ENTRIES * 4), b->order = malloc(MAXIMUM_ENTRIES * 4);
    b->codes = malloc(MAXIMUM_ENTRIES), b->halves = malloc(MAXIMUM_ENTRIES * 2);
    b->weights = malloc(MAXIMUM_ENTRIES * 4), b->touched = malloc(n * 4);
    for (int code = 0; code < 256; code++) b->value[code] = granary_code_value((uint8_t)code);
    if (b->bitmap && b->maximum && b->sum && b->count && b->start && b->ids && b->order && b->codes &&
        b->halves && b->weights && b->touched)
        return b;
    granary_builder_free(b);
    return 0;
}

/// Moves the set bits of the bitmap, in ascending order, to `out` and clears them.
static size_t drain(granary_builder *b, uint32_t *out) {
    size_t n = 0, words = ((size_t)b->components + 64) / 64;
    for (size_t w = 0; w < words; w++) {
        for (uint64_t bits = b->bitmap[w]; bits; bits &= bits - 1)
            out[n++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
        b->bitmap[w] = 0;
    }
    return n;
}

/// uint8 codes of the weights, in place, without those that round to 0; returns how many are left. A shift
/// makes room for weights beyond 255 steps.
static size_t linear_codes(granary_builder *b, const float *steps, size_t n, uint8_t *shift) {
    for (size_t i = 0; i < n; i++)
        while (*shift < 24 && b->weights[i] / (steps[b->ids[i]] * (float)(1u << *shift)) >= 255.5f) ++*shift;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        float code = b->weights[i] / (steps[b->ids[i]] * (float)(1u << *shift)) + 0.5f;
        if (code < 1) continue;
        b->ids[kept] = b->ids[i];
        b->codes[kept++] = code > 255 ? 255 : (uint8_t)code;
    }
    return kept;
}

size_t granary_row_make(granary_builder *b, granary_weight_type type, const uint32_t *local,
                        const float *steps,
                        const uint32_t *ids, const float *weights, size_t n, uint8_t *row, uint8_t *fine,
                        uint32_t *entries, uint32_t *strongest, const granary_row_statistics *statistics) {
    if (n >= MAXIMUM_ENTRIES / 2) return 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t id = local[ids[i]];
        b->bitmap[id / 64] |= 1ull << id % 64;
        b->sum[id] = weights[i];
    }
    n = drain(b, b->ids);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        float weight = b->sum[b->ids[i]];
        uint16_t half = granary_half(weight);
        if (half == 0 && type == GRANARY_FLOAT16) continue; // too small to be stored
        b->ids[kept] = b->ids[i];
        b->weights[kept] = weight;
        b->halves[kept] = half;
        b->codes[kept] = type == GRANARY_FLOAT16 ? (uint8_t)(half >> 7) : granary_code_floor(weight);
        kept++;
    }
    uint8_t shift = 0;
    if (type == GRANARY_UINT8) kept = linear_codes(b, steps, kept, &shift);
    size_t length = granary_row_encode(b->ids, b->codes, kept, shift, row, b->order, entries);
    if (length == 0) return 0;
    float best = 0;
    for (size_t i = 0; i < kept; i++) {
        uint32_t id = b->ids[i];
        float stored = type == GRANARY_FLOAT16   ? granary_half_value(b->halves[i])
                       : type == GRANARY_FLOAT32 ? b->weights[i]
                                                 : (float)b->codes[i] * steps[id] * (float)(1u << shift);
        statistics->histogram[granary_half(stored) & 0x7fff]++;
        statistics->rows[id]++;
        if (stored > statistics->largest[id]) statistics->largest[id] = stored;
        if (stored > best) best = stored, *strongest = id;
    }
    for (uint32_t e = 0; e < *entries; e++) {
        uint32_t from = b->order[e];
        if (type == GRANARY_FLOAT16) fine[e] = from == UINT32_MAX ? 0 : (uint8_t)(b->halves[from] & 127);
        if (type == GRANARY_FLOAT32) {
            float weight = from == UINT32_MAX ? 0 : b->weights[from];
            memcpy(fine + 4ull * e, &weight, 4);
        }
    }
    return length;
}

/// Decodes a row into `ids`, `weights` (as stored) of its entries proper; returns how many, or -1.
static long read_row(granary_builder *b, const granary_row_source *s, uint32_t ordinal) {
    uint8_t shift;
    long entries = granary_row_decode(&s->rows, ordinal, b->ids, b->codes, &shift);
    if (entries < 0) return -1;
    const uint8_t *rest = 0;
    if (s->fine.width) {
        uint64_t start = (uint64_t)s->fine.starts[ordinal] * GROUP * s->fine.width;
        if (start + (uint64_t)entries * s->fine.width > s->fine.length) return -1;
        rest = s->fine.bytes + start;
    }
    long n = 0;
    for (long e = 0; e < entries; e++) {
        float weight;
        if (b->ids[e] >= b->components) return -1;
        if (s->fine.width == 4) memcpy(&weight, rest + 4 * e, 4);
        else if (s->fine.width == 1)
            weight = granary_half_value((uint16_t)(b->codes[e] << 7 | (rest[e] & 127)));
        else weight = (float)b->codes[e] * s->steps[b->ids[e]] * (float)(1u << shift);
        if (!(weight > 0)) continue;
        b->ids[n] = b->ids[e];
        b->weights[n++] = weight;
    }
    return n;
}

/// The half that at least `wanted` of n halves reach (0 when there are fewer), by counting.
static uint16_t nth_half(const uint16_t *halves, size_t n, size_t wanted) {
    if (n <= wanted) return 0;
    uint32_t high[256] = {0}, low[128] = {0};
    for (size_t i = 0; i < n; i++) high[halves[i] >> 7]++;
    size_t above = 0;
    int top = 255;
    while (top > 0 && above + high[top] < wanted) above += high[top--];
    for (size_t i = 0; i < n; i++)
        if (halves[i] >> 7 == top) low[halves[i] & 127]++;
    int rest = 127;
    while (rest > 0 && above + low[rest] < wanted) above += low[rest--];
    return (uint16_t)(top << 7 | rest);
}

long granary_row_select(granary_builder *b, const granary_row_source *source, uint32_t ordinal,
                        uint16_t threshold, uint32_t floor, uint32_t *components, uint16_t *halves) {
    long n = read_row(b, source, ordinal), kept = 0;
    if (n < 0) return -1;
    for (long i = 0; i < n; i++) b->halves[i] = granary_half(b->weights[i]);
    uint16_t floor_half = nth_half(b->halves, (size_t)n, floor);
    size_t above = 0;
    for (long i = 0; i < n; i++) above += b->halves[i] > floor_half;
    size_t equal = floor > above ? floor - above : 0;
    for (long i = 0; i < n; i++) {
        int protected = b->halves[i] > floor_half || (b->halves[i] == floor_half && equal > 0);
        if (protected && b->halves[i] == floor_half) equal--;
        if (!protected && b->halves[i] < threshold) continue;
        components[kept] = b->ids[i];
        halves[kept++] = (uint16_t)(b->halves[i] | (protected ? 0x8000 : 0));
    }
    return kept;
}

/// Keeps the `cut` strongest of n entries of `ids` and `weights`, in place (a few more among equals).
static size_t cut_row(granary_builder *b, size_t n, size_t cut) {
    if (n <= cut) return n;
    for (size_t i = 0; i < n; i++) b->halves[i] = granary_half(b->weights[i]);
    uint16_t least = nth_half(b->halves, n, cut);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (b->halves[i] >= least) b->ids[kept] = b->ids[i], b->weights[kept++] = b->weights[i];
    return kept;
}

static uint64_t next_random(uint64_t *state) { // splitmix64
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/// Inverts the strongest components of the centroids: component -> (centroid, code).
static int index_centroids(granary_builder *b, const granary_row_source *s, const uint32_t *centroids,
                           size_t n, uint32_t cut) {
    size_t total = 0;
    b->touched_count = 0;
    for (int fill = 0; fill < 2; fill++) {
        for (size_t j = 0; j < n; j++) {
            long entries = read_row(b, s, centroids[j]);
            if (entries < 0) return -1;
            size_t kept = cut_row(b, (size_t)entries, cut);
            for (size_t i = 0; i < kept; i++) {
                uint32_t id = b->ids[i];
                uint8_t code = granary_code_nearest(b->weights[i]);
                if (fill) b->postings[b->start[id] + b->count[id]] = (centroid_posting){(uint16_t)j, code};
                else if (b->count[id] == 0) b->touched[b->touched_count++] = id;
                b->count[id]++;
            }
            total += kept;
        }
        if (fill) return 0;
        if (total > b->postings_capacity) {
            free(b->postings);
            b->postings_capacity = total * 2;
            b->postings = malloc(b->postings_capacity * sizeof *b->postings);
            if (!b->postings) return b->postings_capacity = 0, -1;
        }
        uint32_t at = 0;
        for (size_t i = 0; i < b->touched_count; i++) {
            uint32_t id = b->touched[i];
            b->start[id] = at;
            at += b->count[id];
            b->count[id] = 0;
        }
    }
    return 0;
}

/// The centroid nearest to a document among those with `alive` set (all when null).
static long nearest(granary_builder *b, const granary_row_source *s, uint32_t ordinal, size_t centroids,
                    uint32_t cut, const uint32_t *alive) {
    long entries = read_row(b, s, ordinal);
    if (entries < 0) return -1;
    size_t kept = cut_row(b, (size_t)entries, cut);
    memset(b->scores, 0, centroids * sizeof(float));
    for (size_t i = 0; i < kept; i++) {
        const centroid_posting *p = b->postings + b->start[b->ids[i]], *end = p + b->count[b->ids[i]];
        for (; p < end; p++) b->scores[p->slot] += b->weights[i] * b->value[p->code];
    }
    size_t best = SIZE_MAX;
    for (size_t j = 0; j < centroids; j++)
        if ((!alive || alive[j]) && (best == SIZE_MAX || b->scores[j] > b->scores[best])) best = j;
    return (long)best;
}

static long assign(granary_builder *b, const granary_row_source *s, const uint32_t *ordinals, size_t n,
                   const granary_cluster_options *o, size_t centroids, uint32_t *clusters, uint32_t *sizes) {
    memset(sizes, 0, centroids * 4);
    for (size_t i = 0; i < n; i++) {
        long c = nearest(b, s, ordinals[i], centroids, o->document_cut, 0);
        if (c < 0) return -1;
        clusters[i] = (uint32_t)c;
        sizes[c]++;
    }
    size_t survivors = 0;
    for (size_t j = 0; j < centroids; j++) survivors += sizes[j] >= o->smallest;
    if (survivors > 0 && survivors < centroids) {
        for (size_t j = 0; j < centroids; j++) sizes[j] = sizes[j] >= o->smallest;
        for (size_t i = 0; i < n; i++) {
            if (sizes[clusters[i]]) continue;
            long c = nearest(b, s, ordinals[i], centroids, o->document_cut, sizes);
            if (c < 0) return -1;
            clusters[i] = (uint32_t)c;
        }
    } else
        survivors = centroids;
    // Numbers without gaps, in the order of the centroids.
    memset(sizes, 0, centroids * 4);
    for (size_t i = 0; i < n; i++) sizes[clusters[i]] = 1;
    uint32_t used = 0;
    for (size_t j = 0; j < centroids; j++) sizes[j] = sizes[j] ? used++ : 0;
    for (size_t i = 0; i < n; i++) clusters[i] = sizes[clusters[i]];
    return (long)used;
}

long granary_cluster(granary_builder *b, const granary_row_source *source, const uint32_t *ordinals, size_t n,
                     const granary_cluster_options *options, uint32_t *clusters) {
    if (n == 0) return 0;
    size_t wanted = (size_t)((double)n * options->centroid_fraction);
    size_t centroids = wanted < 1 ? 1 : wanted > 65535 ? 65535 : wanted;
    if (centroids == 1) {
        memset(clusters, 0, n * 4);
        return 1;
    }
    uint32_t *chosen = malloc(n * 4), *sizes = malloc(centroids * 4);
    if (centroids > b->scores_capacity) {
        free(b->scores);
        b->scores = malloc(centroids * 4);
        b->scores_capacity = b->scores ? centroids : 0;
    }
    long result = -1;
    if (chosen && sizes && b->scores) {
        uint64_t state = options->seed;
        memcpy(chosen, ordinals, n * 4);
        for (size_t j = 0; j < centroids; j++) {
            size_t other = j + (size_t)(next_random(&state) % (n - j));
            uint32_t swap = chosen[j];
            chosen[j] = chosen[other];
            chosen[other] = swap;
        }
        if (index_centroids(b, source, chosen, centroids, options->centroid_cut) == 0)
            result = assign(b, source, ordinals, n, options, centroids, clusters, sizes);
        for (size_t i = 0; i < b->touched_count; i++) b->count[b->touched[i]] = 0;
    }
    free(chosen);
    free(sizes);
    return result;
}

long granary_summarise(granary_builder *b, const granary_row_source *source, const uint32_t *ordinals,
                       size_t n, float blend, float energy, uint32_t keep, uint8_t block,
                       granary_summary_entry *out) {
    for (size_t d = 0; d < n; d++) {
        long row = read_row(b, source, ordinals[d]);
        if (row < 0) return -1;
        for (long i = 0; i < row; i++) {
            uint32_t id = b->ids[i];
            uint64_t bit = 1ull << id % 64;
            if (!(b->bitmap[id / 64] & bit)) {
                b->bitmap[id / 64] |= bit;
                b->maximum[id] = b->sum[id] = 0;
            }
            if (b->weights[i] > b->maximum[id]) b->maximum[id] = b->weights[i];
            b->sum[id] += b->weights[i];
        }
    }
    size_t all = drain(b, b->touched);
    double mass[256] = {0}, total = 0;
    for (size_t i = 0; i < all; i++) {
        uint32_t id = b->touched[i];
        b->sum[id] = blend * b->maximum[id] + (1 - blend) * (b->sum[id] / (float)n);
        mass[granary_code_nearest(b->sum[id])] += b->sum[id];
        total += b->sum[id];
    }
    double left = total * energy;
    int least = 255;
    while (least > 1 && left > mass[least]) left -= mass[least--];
    // Of the weakest code only as many as the energy asks for, the first components first.
    long kept = 0;
    for (size_t i = 0; i < all && kept < GRANARY_TABLE_ENTRIES; i++) {
        uint32_t id = b->touched[i];
        uint8_t code = granary_code_nearest(b->sum[id]);
        if (id != keep) {
            if (code < least || (code == least && left <= 0)) continue;
            if (code == least) left -= b->sum[id];
        }
        out[kept++] = (granary_summary_entry){id, granary_half(b->sum[id]), block};
    }
    return kept;
}

/// Moves entries into the order that a table wants, by counting: they come by block and then component.
static void sort_entries(granary_builder *b, const granary_summary_entry *entries, size_t n,
                         granary_summary_entry *sorted) {
    for (size_t i = 0; i < n; i++) {
        b->count[entries[i].component]++;
        b->bitmap[entries[i].component / 64] |= 1ull << entries[i].component % 64;
    }
    size_t distinct = drain(b, b->touched);
    uint32_t at = 0;
    for (size_t i = 0; i < distinct; i++) {
        uint32_t id = b->touched[i];
        b->start[id] = at;
        at += b->count[id];
        b->count[id] = 0;
    }
    for (size_t i = 0; i < n; i++) sorted[b->start[entries[i].component]++] = entries[i];
}

size_t granary_summaries_make(granary_builder *b, const granary_summary_entry *entries, size_t n,
                              size_t blocks, uint32_t components, uint8_t wide,
                              granary_summary_entry *sorted, uint8_t *out) {
    sort_entries(b, entries, n, sorted);
    return granary_summaries_encode(sorted, n, blocks, components, wide, out);
}
