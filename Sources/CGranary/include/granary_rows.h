#ifndef GRANARY_ROWS_H
#define GRANARY_ROWS_H

#include <stddef.h>
#include <stdint.h>

// A forward row, specified in Formats/rows.md: a sparse vector of ascending segment-local components with an
// 8-bit code each, in groups of eight.
//
//   u16 entries (a multiple of 8) | u8 shift | u8 zero | control bits, one byte a group |
//   codes, one byte an entry | gaps, one or two bytes an entry
//
// Every function here is safe on any bytes: nothing outside [rows, rows + length + 64) is read, whatever they
// say. The 64 bytes behind a section are part of the container format.

/// A section of rows. `starts` has `count + 1` ascending offsets in units of 8 bytes.
typedef struct {
    const uint8_t *rows;
    uint64_t length;
    const uint32_t *starts;
    uint32_t count;
    uint32_t components; // segment-local components are below this
    uint8_t wide;        // components need 32 bits
    uint8_t linear;      // codes are multiples of a step; otherwise the upper 8 of 15 bits of a float16
} granary_rows;

/// The rest of the weights behind the codes: nothing, the lower 7 bits of a float16, or a whole float32 an
/// entry.
typedef struct {
    const uint8_t *bytes;
    uint64_t length;
    const uint32_t *starts; // count + 1 ascending offsets in entries / 8
    uint8_t width;          // bytes an entry: 0, 1 or 4
} granary_fine;

/// Everything needed to read stored weights.
typedef struct {
    granary_rows rows;
    granary_fine fine;
    const float *steps; // a step per local component (linear rows only)
} granary_row_source;

/// Levels of the kernels: 0 scalar, 1 AVX2. All give the same bits.
int granary_rows_best_level(void);

/// The number of floats in a query table: 65,536 for 16-bit components, one more than the components for
/// 32-bit ones.
size_t granary_query_table_length(uint32_t components, uint8_t wide);

/// Scores rows against a query table, in eight lanes: lane i sums, in float32 and in order, the products of
/// entries i, i + 8, …; the lanes are added as ((0+4)+(2+6)) + ((1+5)+(3+7)); the sum is multiplied by
/// 2^shift. The value of a code is its float16 divided by 2^112 (the table carries the factor) or the code
/// itself if linear. All cache lines of up to 32 rows are touched before the first is scored.
/// Returns how many rows were malformed; their score is 0.
size_t granary_rows_score(const granary_rows *rows, const float *table, const uint32_t *ordinals, size_t n,
                          float *scores, int level);

/// The same for the rows first..<first + n.
size_t granary_rows_score_range(const granary_rows *rows, const float *table, uint32_t first, size_t n,
                                float *scores, int level);

/// Writes the components and codes of a row (padding and bridges included, as entries with code 0).
/// Room for half as many entries as the row has bytes is needed. Returns the number of entries, or -1 for a
/// malformed row. `shift` receives the row's shift.
long granary_row_decode(const granary_rows *rows, uint32_t ordinal, uint32_t *components, uint8_t *codes,
                        uint8_t *shift);

/// The stored weights of a row at some components, given ascending; 0 where the row lacks one.
/// `steps` has a step per local component (linear rows only). Returns 0, or -1 for a malformed row.
int granary_row_weights(const granary_rows *rows, const granary_fine *fine, const float *steps,
                        uint32_t ordinal, const uint32_t *wanted, size_t n, float *weights, int level);

/// A query in full: its components in a segment, and by component the place of each of them among all of the
/// query's weights (anything at other components).
typedef struct {
    const uint32_t *components;
    size_t n;
    const uint16_t *places;
    const float *weights;
    size_t count;
} granary_full_query;

/// Scores rows by their stored weights: the products of all of the query's weights, in order, with the stored
/// weights at their components, added in float32. `table` is the query's table, as for `granary_rows_score`;
/// `stored` has a place for each of the query's weights. Returns how many rows were malformed; their score
/// is 0.
size_t granary_rows_score_full(const granary_row_source *source, const float *table,
                               const granary_full_query *query, const uint32_t *ordinals, size_t n,
                               float *stored, float *scores, int level);

/// The most bytes that a row of n entries below `components` needs; more than its stored entries, bridges and
/// padding included.
size_t granary_row_bound(size_t n, uint32_t components);

/// Encodes a row of ascending components; returns its length, a multiple of 8. `fine_order` (may be null)
/// receives for each stored entry the position in the input, or UINT32_MAX for padding and bridges; `entries`
/// their number.
size_t granary_row_encode(const uint32_t *components, const uint8_t *codes, size_t n, uint8_t shift,
                          uint8_t *out, uint32_t *fine_order, uint32_t *entries);

/// The code of a weight (0...65504): the upper 8 of the 15 bits of its float16, rounded down or to nearest.
uint8_t granary_code_floor(float weight);
uint8_t granary_code_nearest(float weight);
/// The smallest weight of a code.
float granary_code_value(uint8_t code);
/// float16 (round to nearest even, saturating at 65504) and back.
uint16_t granary_half(float weight);
float granary_half_value(uint16_t half);

/// Loads one byte of each cache line of a range of memory, so that the misses overlap; the result keeps the
/// loads.
uint64_t granary_touch(const void *bytes, size_t length);

#endif
