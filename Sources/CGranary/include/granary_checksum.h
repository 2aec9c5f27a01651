#ifndef GRANARY_CHECKSUM_H
#define GRANARY_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, reflected, as in RFC 3720) of bytes, continuing `crc` (0 to begin).
/// Level 0 is the table, 1 the processor's instruction where it has one; both give the same value.
uint32_t granary_crc32c(uint32_t crc, const void *bytes, size_t length, int level);

/// The best level of this processor.
int granary_crc32c_best_level(void);

/// How many bytes are zero before the first that is not.
size_t granary_zeros(const void *bytes, size_t length);

/// BLAKE2s with a digest of 16 bytes and no key (RFC 7693).
typedef struct {
    uint32_t h[8];
    uint64_t count;
    uint8_t block[64];
    size_t filled;
} granary_blake2s;

void granary_blake2s_begin(granary_blake2s *state);
void granary_blake2s_update(granary_blake2s *state, const void *bytes, size_t length);
void granary_blake2s_finish(granary_blake2s *state, uint8_t digest[16]);

#endif
