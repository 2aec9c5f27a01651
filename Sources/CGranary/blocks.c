#include "granary_blocks.h"

size_t granary_block_candidates(const uint8_t *block, size_t length, uint32_t documents, uint32_t *visited,
                                uint32_t mask, uint32_t *out) {
    if (length < 6) return SIZE_MAX;
    size_t count = block[0], width = block[1];
    if (count == 0 || width < 1 || width > 4 || 6 + (count - 1) * width > length) return SIZE_MAX;
    uint64_t ordinal = (uint64_t)block[2] | (uint64_t)block[3] << 8 | (uint64_t)block[4] << 16 |
        (uint64_t)block[5] << 24;
    const uint8_t *gap = block + 6;
    size_t fresh = 0;
    for (size_t i = 0;; i++) {
        if (ordinal >= documents) return SIZE_MAX;
        uint32_t slot = ((uint32_t)ordinal * 0x9e3779b1u >> 7) & mask, stored = (uint32_t)ordinal + 1;
        while (visited[slot] && visited[slot] != stored) slot = (slot + 1) & mask;
        if (!visited[slot]) {
            visited[slot] = stored;
            out[fresh++] = (uint32_t)ordinal;
        }
        if (i + 1 == count) return fresh;
        uint64_t step = 0;
        for (size_t byte = 0; byte < width; byte++) step |= (uint64_t)*gap++ << 8 * byte;
        ordinal += step;
    }
}
