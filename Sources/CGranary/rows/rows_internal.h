#ifndef GRANARY_ROWS_INTERNAL_H
#define GRANARY_ROWS_INTERNAL_H

#include "granary_rows.h"
#include <string.h>

// Fused multiply-add has other bits than a product and a sum.
#pragma STDC FP_CONTRACT OFF

enum { ROW_HEADER = 4, GROUP = 8, TOUCH_GROUP = 32 };

/// The most that a row can have: entries, and bytes of their control bits, codes, gaps and padding.
enum { MOST_ENTRIES = 0xfff8, MOST_ROW = ROW_HEADER + MOST_ENTRIES / GROUP + 3 * MOST_ENTRIES + 7 };

static inline float half_value(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float value;
    memcpy(&value, &bits, 4);
    return value * 0x1p112f;
}

/// A row cut into its parts; `codes` is null when the row does not fit into its section.
typedef struct {
    const uint8_t *control, *codes, *gaps, *gaps_end;
    uint32_t entries;
    float scale;
    uint8_t shift;
} row_parts;

static inline row_parts row_at(const granary_rows *r, uint32_t ordinal) {
    row_parts p = {0};
    if (ordinal >= r->count) return p;
    uint64_t start = (uint64_t)r->starts[ordinal] * 8, end = (uint64_t)r->starts[ordinal + 1] * 8;
    if (start + ROW_HEADER > end || end > r->length) return p;
    const uint8_t *row = r->rows + start;
    uint32_t entries = (uint32_t)row[0] | (uint32_t)row[1] << 8, groups = entries / GROUP;
    // Each entry has a code byte and at least one gap byte.
    if (entries % GROUP != 0 || start + ROW_HEADER + groups + 2ull * entries > end || row[2] > 24) return p;
    p.control = row + ROW_HEADER;
    p.codes = p.control + groups;
    p.gaps = p.codes + entries;
    p.gaps_end = r->rows + end;
    p.entries = entries;
    p.shift = row[2];
    p.scale = (float)(1u << row[2]);
    return p;
}

/// Decodes eight gaps into components; returns the bytes used, or 0 when they run past the end of the row.
static inline size_t decode_group(uint8_t control, const uint8_t *gaps, const uint8_t *end,
                                  uint32_t *previous, uint32_t mask, uint32_t out[GROUP]) {
    size_t used = GROUP + (size_t)__builtin_popcount(control);
    if (used > (size_t)(end - gaps)) return 0;
    uint32_t id = *previous;
    for (int lane = 0; lane < GROUP; lane++) {
        uint32_t gap = *gaps++;
        if (control >> lane & 1) gap |= (uint32_t)*gaps++ << 8;
        id = (id + gap) & mask;
        out[lane] = id;
    }
    *previous = id;
    return used;
}

/// How far the gaps of a row have been decoded.
typedef struct {
    const uint8_t *gaps;
    uint32_t previous, group;
} row_cursor;

enum { CURSOR_ENTRIES = 256 };

/// Decodes the components of up to 256 further entries. Returns how many, 0 at the end, -1 when gaps run
/// past the end of the row.
long granary_row_advance(const granary_rows *r, const row_parts *p, row_cursor *cursor, uint32_t *components,
                         int level);

static inline uint32_t component_mask(const granary_rows *r) { return r->wide ? 0xffffffffu : 0xffffu; }

#endif
