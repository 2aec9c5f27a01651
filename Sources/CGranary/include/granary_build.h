#ifndef GRANARY_BUILD_H
#define GRANARY_BUILD_H

#include "granary_rows.h"
#include "granary_summaries.h"

// The inner loops of building a segment. Rows are those of `granary_rows.h`, in order of insertion.

/// Working memory of one thread, sized by the components of the segment.
typedef struct granary_builder granary_builder;

/// Null when there is no memory.
granary_builder *granary_builder_create(uint32_t components);
void granary_builder_free(granary_builder *builder);

/// How weights are kept in rows.
typedef enum { GRANARY_FLOAT16 = 1, GRANARY_FLOAT32 = 2, GRANARY_UINT8 = 3 } granary_weight_type;

/// What is counted while rows are made: how many stored weights have each float16 (32,768 counters), and by
/// local component the largest stored weight and how many rows have it.
typedef struct {
    uint64_t *histogram;
    float *largest;
    uint32_t *rows;
} granary_row_statistics;

/// Makes a forward row of a document: `ids` are mapped by `local` to segment-local components and put in
/// order. `row` needs granary_row_bound(n, components) bytes, `fine` four times as many. `steps` has a step
/// per local component (uint8). Returns the row's length in bytes, 0 if it has too many entries; `entries`
/// receives their number, `strongest` the local component of the largest stored weight (the first among
/// equals; unchanged without any).
size_t granary_row_make(granary_builder *b, granary_weight_type type, const uint32_t *local,
                        const float *steps,
                        const uint32_t *ids, const float *weights, size_t n, uint8_t *row, uint8_t *fine,
                        uint32_t *entries, uint32_t *strongest, const granary_row_statistics *statistics);

/// The entries of a row whose float16 weight is at least `threshold`, and at least the `floor` strongest ones
/// (earlier components first among equals). Returns their number, or -1. The floor's entries have the top bit
/// of `halves` set.
long granary_row_select(granary_builder *b, const granary_row_source *source, uint32_t ordinal,
                        uint16_t threshold, uint32_t floor, uint32_t *components, uint16_t *halves);

/// How a posting list is cut into blocks.
typedef struct {
    double centroid_fraction; // centroids per posting
    uint32_t document_cut;    // strongest components of a document that are compared
    uint32_t centroid_cut;    // strongest components of a centroid that are compared
    uint32_t smallest;        // clusters below this are dissolved
    uint64_t seed;
} granary_cluster_options;

/// Assigns each document of a list to a cluster: random documents of the list as centroids, one pass
/// (Seismic, SIGIR 2024, section 4.2, in the form of an inverted index over the centroids).
/// `clusters` receives a number below the result for each document. Returns the number of clusters, or -1.
long granary_cluster(granary_builder *b, const granary_row_source *source, const uint32_t *ordinals, size_t n,
                     const granary_cluster_options *options, uint32_t *clusters);

/// The summary of a block: blend × maximum + (1 - blend) × mean of each component, the strongest up to
/// `energy` of the sum, by ascending component, each entry marked with `block`. `keep` is in it whatever its
/// weight. `out` has room for 32,767 entries. Returns their number, or -1 for a malformed row.
long granary_summarise(granary_builder *b, const granary_row_source *source, const uint32_t *ordinals,
                       size_t n, float blend, float energy, uint32_t keep, uint8_t block,
                       granary_summary_entry *out);

/// Writes a summary table of entries given block after block, each by ascending component; see
/// `granary_summaries_encode`. `sorted` has n places of working memory.
size_t granary_summaries_make(granary_builder *b, const granary_summary_entry *entries, size_t n,
                              size_t blocks, uint32_t components, uint8_t wide,
                              granary_summary_entry *sorted, uint8_t *out);

/// Working memory of one thread for the impact-ordered lists of windows (`granary_impacts.h`).
typedef struct granary_window_builder granary_window_builder;

/// Null when there is no memory.
granary_window_builder *granary_window_builder_create(uint32_t components);
void granary_window_builder_free(granary_window_builder *builder);

/// Makes the lists of a window, which has the n rows of `order`: the postings that `granary_row_select`
/// chooses. By component,
/// `lengths` receives the length of its list in words of 2 bytes (0 for none) and `counts` its postings;
/// `lists` the lists one after the other, valid until the next call. Returns their words, or -1 for a
/// malformed row or a lack of memory.
long granary_window_make(granary_window_builder *w, granary_builder *b, const granary_row_source *source,
                         const uint32_t *order, uint32_t n, uint16_t threshold, uint32_t floor,
                         uint32_t *lengths, uint32_t *counts, const uint16_t **lists);

#endif
