#ifndef GRANARY_BLOCKS_H
#define GRANARY_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/// Decodes a posting block (Formats/postings.md) and enters its documents into an open-addressing set of
/// `mask + 1` slots (0 is empty, otherwise ordinal + 1). `out` (room for 255) receives those that were not
/// yet there. The set must keep at least 256 slots free. Returns their number, or SIZE_MAX for a malformed
/// block.
size_t granary_block_candidates(const uint8_t *block, size_t length, uint32_t documents, uint32_t *visited,
                                uint32_t mask, uint32_t *out);

#endif
