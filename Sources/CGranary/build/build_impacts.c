#include "granary_build.h"
#include "granary_impacts.h"
#include <stdlib.h>
#include <string.h>

/// A posting on its way into a window's lists.
typedef struct {
    uint32_t component;
    uint16_t document; // in the window
    uint16_t level;
} window_posting;

struct granary_window_builder {
    uint32_t components;
    uint32_t *starts;         // by component, one more at the end
    window_posting *postings; // in order of documents
    size_t count, capacity;
    uint16_t *documents; // by component
    uint8_t *levels;
    uint16_t *lists; // the result
    uint32_t *row;
    uint16_t *halves;
};

enum { ROW_ENTRIES = 65536 };

void granary_window_builder_free(granary_window_builder *w) {
    if (!w) return;
    free(w->starts), free(w->postings), free(w->documents), free(w->levels), free(w->lists);
    free(w->row), free(w->halves);
    free(w);
}

granary_window_builder *granary_window_builder_create(uint32_t components) {
    granary_window_builder *w = calloc(1, sizeof *w);
    if (!w) return 0;
    w->components = components;
    w->starts = malloc(((size_t)components + 2) * 4);
    w->row = malloc(ROW_ENTRIES * 4), w->halves = malloc(ROW_ENTRIES * 2);
    if (w->starts && w->row && w->halves) return w;
    granary_window_builder_free(w);
    return 0;
}

static int make_room(granary_window_builder *w, size_t more) {
    if (w->count + more <= w->capacity) return 1;
    size_t capacity = 2 * (w->count + more);
    window_posting *postings = realloc(w->postings, capacity * sizeof *postings);
    if (!postings) return 0;
    w->postings = postings;
    w->capacity = capacity;
    return 1;
}

/// Collects the postings of the window's rows; 0 for a malformed row or a lack of memory.
static int select_rows(granary_window_builder *w, granary_builder *b, const granary_row_source *source,
                       const uint32_t *order, uint32_t n, uint16_t threshold, uint32_t floor) {
    w->count = 0;
    for (uint32_t i = 0; i < n; i++) {
        long kept = granary_row_select(b, source, order[i], threshold, floor, w->row, w->halves);
        if (kept < 0 || !make_room(w, (size_t)kept)) return 0;
        for (long e = 0; e < kept; e++)
            w->postings[w->count++] = (window_posting){w->row[e], (uint16_t)i, (w->halves[e] & 0x7fff) >> 8};
    }
    return 1;
}

/// Puts the postings in the order of their components; 0 for a lack of memory.
static int sort_postings(granary_window_builder *w) {
    size_t room = w->count ? w->count : 1;
    free(w->documents), free(w->levels), free(w->lists);
    w->documents = malloc(room * 2), w->levels = malloc(room);
    // A list has a word for its number of runs and two for each run, of which there are at most as many as
    // postings.
    w->lists = malloc(room * 8);
    if (!w->documents || !w->levels || !w->lists) return 0;
    memset(w->starts, 0, ((size_t)w->components + 2) * 4);
    for (size_t i = 0; i < w->count; i++) w->starts[w->postings[i].component + 2]++;
    for (uint32_t c = 0; c < w->components; c++) w->starts[c + 2] += w->starts[c + 1];
    for (size_t i = 0; i < w->count; i++) {
        uint32_t at = w->starts[w->postings[i].component + 1]++;
        w->documents[at] = w->postings[i].document;
        w->levels[at] = (uint8_t)w->postings[i].level;
    }
    return 1;
}

/// Writes one list; returns its length in words.
static size_t write_list(const uint16_t *documents, const uint8_t *levels, uint32_t n, uint16_t *out) {
    uint32_t counts[GRANARY_LEVELS] = {0}, runs = 0;
    for (uint32_t i = 0; i < n; i++) counts[levels[i]]++;
    for (int level = 0; level < GRANARY_LEVELS; level++) runs += counts[level] > 0;
    out[0] = (uint16_t)runs;
    uint16_t *run = out + 1;
    uint32_t at = 1 + 2 * runs;
    for (int level = GRANARY_LEVELS - 1; level >= 0; level--) {
        if (counts[level] == 0) continue;
        *run++ = (uint16_t)level;
        *run++ = (uint16_t)(counts[level] - 1);
        uint32_t next = at + counts[level];
        counts[level] = at;
        at = next;
    }
    for (uint32_t i = 0; i < n; i++) out[counts[levels[i]]++] = documents[i];
    return at;
}

long granary_window_make(granary_window_builder *w, granary_builder *b, const granary_row_source *source,
                         const uint32_t *order, uint32_t n, uint16_t threshold, uint32_t floor,
                         uint32_t *lengths, uint32_t *counts, const uint16_t **lists) {
    if (n > GRANARY_WINDOW || !select_rows(w, b, source, order, n, threshold, floor) || !sort_postings(w))
        return -1;
    size_t length = 0;
    for (uint32_t c = 0; c < w->components; c++) {
        uint32_t from = w->starts[c], size = w->starts[c + 1] - from;
        counts[c] = size;
        lengths[c] =
            size ? (uint32_t)write_list(w->documents + from, w->levels + from, size, w->lists + length) : 0;
        length += lengths[c];
    }
    *lists = w->lists;
    return (long)length;
}
