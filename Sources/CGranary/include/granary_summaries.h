#ifndef GRANARY_SUMMARIES_H
#define GRANARY_SUMMARIES_H

#include <stddef.h>
#include <stdint.h>

// Summary tables (Formats/summaries.md): the summaries of up to 256 blocks of one posting list, transposed:
// entries of component, block and 4-bit code by ascending component, so that a query reads those of its own
// components only.
//
//   u16 blocks | u8 base | u8 zero | u32 entries | u16 bucket starts | low parts | blocks | codes
//
// Every function is safe on any bytes: nothing outside [bytes, bytes + length + 64) is read.
// The 64 bytes behind a section are part of the container format.

enum { GRANARY_TABLE_BLOCKS = 256, GRANARY_TABLE_ENTRIES = 32767 };

/// A section of summary tables. `starts` has `count + 1` ascending offsets in units of 8 bytes.
typedef struct {
    const uint8_t *bytes;
    uint64_t length;
    const uint32_t *starts;
    uint32_t count;
    uint32_t components; // segment-local components are below this
    uint8_t wide;        // low parts have 16 bits; otherwise 8
} granary_summaries;

/// Asks for the first cache lines of a table, so that those of several come together.
void granary_summaries_touch(const granary_summaries *summaries, uint32_t table);

/// Estimates the blocks of a table: for each query component, in the order given, weight × value of each
/// code, added in float32. `estimates` has 256 places, of which the blocks' receive something meaningful;
/// `found` has 3 n places of working memory. Returns the number of blocks, or -1 for a malformed table.
long granary_summaries_score(const granary_summaries *summaries, uint32_t table, const uint32_t *components,
                             const float *weights, size_t n, uint32_t *found, float *estimates,
                             int level);

/// Checks all that a table may say. Returns the number of blocks, or -1.
long granary_summaries_check(const granary_summaries *summaries, uint32_t table);

/// The most bytes that a table of `entries` entries needs in a segment of `components` components.
size_t granary_summaries_bound(size_t entries, uint32_t components, uint8_t wide);

/// One entry of a block's summary on its way into a table.
typedef struct {
    uint32_t component;
    uint16_t half; // its weight as float16
    uint8_t block; // number in the table
} granary_summary_entry;

/// Writes a table of up to 256 blocks and 32,767 entries, given by ascending component and then block.
/// Returns its length, a multiple of 8.
size_t granary_summaries_encode(const granary_summary_entry *entries, size_t n, size_t blocks,
                                uint32_t components, uint8_t wide, uint8_t *out);

#endif
