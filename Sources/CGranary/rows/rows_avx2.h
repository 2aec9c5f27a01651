#ifndef GRANARY_ROWS_AVX2_H
#define GRANARY_ROWS_AVX2_H

#include "rows_internal.h"
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

/// For each control byte: the shuffle that spreads its 8...16 gap bytes into eight u16.
extern uint8_t granary_shuffles[256][16];

AVX2 static inline __m128i gaps_at(uint8_t control, const uint8_t *gaps) {
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)gaps),
                            _mm_load_si128((const __m128i *)granary_shuffles[control]));
}

AVX2 static inline __m128i prefix_sums(__m128i x) {
    x = _mm_add_epi16(x, _mm_slli_si128(x, 2));
    x = _mm_add_epi16(x, _mm_slli_si128(x, 4));
    return _mm_add_epi16(x, _mm_slli_si128(x, 8));
}

/// The components of a row's next group, from `previous` (the last one, in all lanes) on; 0 when its gaps run
/// past the end of the row.
AVX2 static inline __attribute__((always_inline)) int next_components(const row_parts *p, uint32_t group,
                                                                      const uint8_t **gaps,
                                                                      __m128i *previous, __m128i *x) {
    uint8_t control = p->control[group];
    size_t used = GROUP + (size_t)__builtin_popcount(control);
    if (used > (size_t)(p->gaps_end - *gaps)) return 0;
    *x = _mm_add_epi16(prefix_sums(gaps_at(control, *gaps)), *previous);
    *gaps += used;
    *previous = _mm_shuffle_epi8(*x, _mm_set1_epi16(0x0f0e));
    return 1;
}

/// The table's values at eight components. Eight scalar loads beat a gather on Zen 4 (and tie elsewhere).
AVX2 static inline __m256 table_at(const float *table, __m128i components) {
    uint64_t a = (uint64_t)_mm_cvtsi128_si64(components), b = (uint64_t)_mm_extract_epi64(components, 1);
    return _mm256_setr_ps(
        table[a & 0xffff], table[a >> 16 & 0xffff], table[a >> 32 & 0xffff], table[a >> 48],
        table[b & 0xffff], table[b >> 16 & 0xffff], table[b >> 32 & 0xffff], table[b >> 48]);
}

#endif
