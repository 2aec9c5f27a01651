#ifndef GRANARY_IMPACTS_H
#define GRANARY_IMPACTS_H

#include <stddef.h>
#include <stdint.h>

// Impact-ordered posting lists (Formats/impacts.md): for each component and each window of 65,536 documents,
// runs of documents whose weights have the same level, the largest level first:
//
//   u16 runs | for each run: u16 level, u16 documents - 1 | for each run: u16 documents, ascending
//
// A level is the upper 7 of the 15 bits of a float16, a quarter of an octave. Every function is safe on any
// bytes: nothing outside [postings, postings + length) is read.

enum { GRANARY_WINDOW = 65536, GRANARY_LEVELS = 128 };

/// A section of lists. `starts` has components × windows + 1 offsets, in units of 2 bytes, by component and
/// then by window.
typedef struct {
    const uint16_t *postings;
    uint64_t length; // in units of 2 bytes
    const uint32_t *starts;
    uint32_t components, windows, documents;
} granary_impacts;

/// The weight that stands for all of a level: the middle of them.
float granary_level_weight(uint8_t level);

/// The level of a stored weight.
uint8_t granary_level(float weight);

/// What is looked for.
typedef struct {
    const uint32_t *components;
    const float *weights;
    size_t n;
    float least;     // runs that add less than this to a score are left out; 0 for none
    float scale;     // units of a sum in a unit of score: sum = Σ round(weight × level's weight × scale)
    uint8_t wide;    // sums have 16 bits, and an estimate is a 256th of one, at least 1; otherwise 8 bits
    float factor;    // candidates reach this share of the k-th best estimate, 0...1
    uint32_t k;
    uint8_t floor;   // and this estimate
    const uint64_t *allowed, *dead; // a bit for each document; null for all, and for none
} granary_impact_query;

/// Working memory and results.
typedef struct {
    uint8_t *sums;       // GRANARY_WINDOW bytes, zero between calls
    uint16_t *wide_sums; // the same number of words
    uint32_t *ordinals;  // room for GRANARY_WINDOW + most
    uint8_t *estimates;  // the same
    uint32_t *found;     // room for most: the candidates, by falling estimate and then by ordinal
    uint32_t most;       // candidates at most, at least 1
    uint8_t kth;         // result: the k-th best estimate; 0 when fewer than k documents were found
    uint8_t truncated;   // result: 1 when candidates were dropped to keep to `most`
    uint64_t postings;   // result: postings read
} granary_impact_scratch;

/// Adds up the impacts of a query's postings, window after window, and collects the documents with the best
/// sums. The caller chooses `scale` so that no document's sum exceeds 255, or 65,535; in a file that no
/// writer makes it may wrap around. Returns the number of candidates in `found`, or -1 for malformed lists.
long granary_impacts_search(const granary_impacts *impacts, const granary_impact_query *query,
                            granary_impact_scratch *scratch, int level);

/// Checks all that the list of a component in a window may say; `number` is component × windows + window.
/// Calls `visit` (may be null) with each posting's ordinal and level; a result other than 0 ends the check.
/// Returns the number of postings, or -1.
long granary_impacts_check(const granary_impacts *impacts, uint64_t number,
                           int (*visit)(void *context, uint32_t ordinal, uint8_t level), void *context);

#endif
