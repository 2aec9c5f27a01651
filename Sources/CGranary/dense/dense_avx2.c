#include "dense_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,f16c")))

/// The accumulators of a sum: register j has the lanes 8 j to 8 j + 7.
enum { WIDTH = 8, REGISTERS = LANES / WIDTH };

/// Eight values of a row from a position on.
AVX2 INLINE __m256 values_at(const uint8_t *row, uint32_t at, dense_element e) {
    const uint8_t *from = row + (uint64_t)at * element_bytes(e);
    switch (e) {
    case F32: return _mm256_loadu_ps((const float *)from);
    case F16: return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
    case BF16:
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from)), 16));
    default: return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
    }
}

/// Adds the terms of 64 dimensions.
AVX2 INLINE void add_terms(__m256 sums[REGISTERS], const uint8_t *row, const float *query, uint32_t at,
                           __m256 scale, dense_operation o, dense_element e) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < REGISTERS; j++) {
        __m256 x = values_at(row, at + WIDTH * j, e), y = x;
        if (o == DOT) y = _mm256_loadu_ps(query + at + WIDTH * j);
        if (o == L2) {
            if (e == I8) x = _mm256_mul_ps(x, scale);
            x = y = _mm256_sub_ps(x, _mm256_loadu_ps(query + at + WIDTH * j));
        }
        sums[j] = _mm256_add_ps(sums[j], _mm256_mul_ps(x, y));
    }
}

AVX2 INLINE float avx2_sum(const uint8_t *row, const float *query, uint32_t n, float scale, dense_operation o,
                           dense_element e) {
    __m256 sums[REGISTERS], scales = _mm256_set1_ps(scale);
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < REGISTERS; j++) sums[j] = _mm256_setzero_ps();
    uint32_t at = 0;
    for (; n - at >= LANES; at += LANES) add_terms(sums, row, query, at, scales, o, e);
    if (at < n) {
        // The rest, followed by zeros: their terms are 0, which changes no lane.
        uint8_t last_row[4 * LANES] = {0};
        float last_query[LANES] = {0};
        memcpy(last_row, row + (uint64_t)at * element_bytes(e), (n - at) * element_bytes(e));
        if (o != NORM) memcpy(last_query, query + at, (n - at) * sizeof(float));
        add_terms(sums, last_row, last_query, 0, scales, o, e);
    }
#pragma clang loop unroll(full)
    for (uint32_t half = REGISTERS / 2; half > 0; half /= 2)
#pragma clang loop unroll(full)
        for (uint32_t j = 0; j < half; j++) sums[j] = _mm256_add_ps(sums[j], sums[j + half]);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(sums[0]), _mm256_extractf128_ps(sums[0], 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

DENSE_FUNCTIONS(AVX2, avx2)

AVX2 INLINE __m256i products_at(const uint8_t *row, const uint8_t *query) {
    return _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)row)),
                             _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)query)));
}

AVX2 static int32_t avx2_dot_i8_i8(const uint8_t *row, const uint8_t *query, uint32_t n) {
    __m256i a = _mm256_setzero_si256(), b = a;
    uint32_t at = 0;
    for (; n - at >= 32; at += 32) {
        a = _mm256_add_epi32(a, products_at(row + at, query + at));
        b = _mm256_add_epi32(b, products_at(row + at + 16, query + at + 16));
    }
    a = _mm256_add_epi32(a, b);
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4e));
    sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0xb1));
    return _mm_cvtsi128_si32(sums) + granary_dense_scalar.dot_i8_i8(row + at, query + at, n - at);
}

AVX2 static void avx2_encode_f16(const float *values, uint32_t n, uint8_t *row) {
    uint32_t at = 0;
    for (; n - at >= WIDTH; at += WIDTH)
        _mm_storeu_si128((__m128i *)(row + 2ull * at),
                         _mm256_cvtps_ph(_mm256_loadu_ps(values + at), _MM_FROUND_TO_NEAREST_INT));
    granary_dense_scalar.encode_f16(values + at, n - at, row + 2ull * at);
}

const dense_kernels granary_dense_avx2 = {DENSE_SUMS(avx2), avx2_dot_i8_i8, avx2_encode_f16};
#endif
