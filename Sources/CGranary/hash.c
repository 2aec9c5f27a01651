#include "granary_checksum.h"
#include <string.h>

// BLAKE2s after RFC 7693, section 3.
static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static inline void mix(uint32_t *v, int a, int b, int c, int d, uint32_t x, uint32_t y) {
    v[a] += v[b] + x, v[d] = rotate(v[d] ^ v[a], 16), v[c] += v[d], v[b] = rotate(v[b] ^ v[c], 12);
    v[a] += v[b] + y, v[d] = rotate(v[d] ^ v[a], 8), v[c] += v[d], v[b] = rotate(v[b] ^ v[c], 7);
}

static void compress(granary_blake2s *s, int last) {
    uint32_t v[16], m[16];
    for (int i = 0; i < 16; i++)
        m[i] = (uint32_t)s->block[4 * i] | (uint32_t)s->block[4 * i + 1] << 8 |
            (uint32_t)s->block[4 * i + 2] << 16 |
               (uint32_t)s->block[4 * i + 3] << 24;
    memcpy(v, s->h, 32);
    memcpy(v + 8, iv, 32);
    v[12] ^= (uint32_t)s->count;
    v[13] ^= (uint32_t)(s->count >> 32);
    if (last) v[14] = ~v[14];
    for (int round = 0; round < 10; round++) {
        const uint8_t *o = sigma[round];
        mix(v, 0, 4, 8, 12, m[o[0]], m[o[1]]), mix(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);
        mix(v, 2, 6, 10, 14, m[o[4]], m[o[5]]), mix(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);
        mix(v, 0, 5, 10, 15, m[o[8]], m[o[9]]), mix(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);
        mix(v, 2, 7, 8, 13, m[o[12]], m[o[13]]), mix(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);
    }
    for (int i = 0; i < 8; i++) s->h[i] ^= v[i] ^ v[i + 8];
}

void granary_blake2s_begin(granary_blake2s *s) {
    memset(s, 0, sizeof *s);
    memcpy(s->h, iv, 32);
    s->h[0] ^= 0x01010000u ^ 16u; // no key, a digest of 16 bytes
}

void granary_blake2s_update(granary_blake2s *s, const void *bytes, size_t length) {
    const uint8_t *p = bytes;
    while (length > 0) {
        if (s->filled == 64) {
            s->count += 64;
            compress(s, 0);
            s->filled = 0;
        }
        size_t room = 64 - s->filled, take = length < room ? length : room;
        memcpy(s->block + s->filled, p, take);
        s->filled += take;
        p += take;
        length -= take;
    }
}

void granary_blake2s_finish(granary_blake2s *s, uint8_t digest[16]) {
    s->count += s->filled;
    memset(s->block + s->filled, 0, 64 - s->filled);
    compress(s, 1);
    for (int i = 0; i < 16; i++) digest[i] = (uint8_t)(s->h[i / 4] >> 8 * (i % 4));
}
