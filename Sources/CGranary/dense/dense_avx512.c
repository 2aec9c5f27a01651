#include "dense_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

// VDPBF16PS is not used: it would round the query to bfloat16, and takes subnormals for 0.
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,f16c")))

/// The accumulators of a sum: register j has the lanes 16 j to 16 j + 15.
enum { WIDTH = 16, REGISTERS = LANES / WIDTH };

/// Up to sixteen values of a row from a position on: the ones of the mask, else 0. Others are not read.
AVX512 INLINE __m512 values_at(const uint8_t *row, uint32_t at, __mmask16 mask, dense_element e) {
    const uint8_t *from = row + (uint64_t)at * element_bytes(e);
    switch (e) {
    case F32: return _mm512_maskz_loadu_ps(mask, from);
    case F16: return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, from));
    case BF16:
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16));
    default: return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, from)));
    }
}

/// Adds the terms of up to 64 dimensions: the ones of the mask. The others are 0, which changes no lane.
AVX512 INLINE void add_terms(__m512 sums[REGISTERS], const uint8_t *row, const float *query, uint32_t at,
                             uint64_t mask, __m512 scale, dense_operation o, dense_element e) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < REGISTERS; j++) {
        __mmask16 part = (__mmask16)(mask >> WIDTH * j);
        __m512 x = values_at(row, at + WIDTH * j, part, e), y = x;
        if (o == DOT) y = _mm512_maskz_loadu_ps(part, query + at + WIDTH * j);
        if (o == L2) {
            if (e == I8) x = _mm512_mul_ps(x, scale);
            x = y = _mm512_sub_ps(x, _mm512_maskz_loadu_ps(part, query + at + WIDTH * j));
        }
        sums[j] = _mm512_add_ps(sums[j], _mm512_mul_ps(x, y));
    }
}

AVX512 INLINE float avx512_sum(const uint8_t *row, const float *query, uint32_t n, float scale,
                               dense_operation o, dense_element e) {
    __m512 sums[REGISTERS], scales = _mm512_set1_ps(scale);
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < REGISTERS; j++) sums[j] = _mm512_setzero_ps();
    uint32_t at = 0;
    for (; n - at >= LANES; at += LANES) add_terms(sums, row, query, at, UINT64_MAX, scales, o, e);
    if (at < n) add_terms(sums, row, query, at, (1ull << (n - at)) - 1, scales, o, e);
    __m512 sixteen = _mm512_add_ps(_mm512_add_ps(sums[0], sums[2]), _mm512_add_ps(sums[1], sums[3]));
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sixteen), _mm512_extractf32x8_ps(sixteen, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

DENSE_FUNCTIONS(AVX512, avx512)

/// VNNI multiplies unsigned by signed bytes: to the row's values 128 is added, and 128 × Σ query is taken off
/// again. The parts stay below 2^31 up to 65,536 dimensions.
AVX512 INLINE void add_products(__m512i *sums, __m512i *excess, const uint8_t *row, const uint8_t *query,
                                __mmask64 mask) {
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    __m512i x = _mm512_maskz_loadu_epi8(mask, row), y = _mm512_maskz_loadu_epi8(mask, query);
    *sums = _mm512_dpbusd_epi32(*sums, _mm512_xor_si512(x, offset), y);
    *excess = _mm512_dpbusd_epi32(*excess, offset, y);
}

AVX512 static int32_t avx512_dot_i8_i8(const uint8_t *row, const uint8_t *query, uint32_t n) {
    __m512i a = _mm512_setzero_si512(), b = a, a_excess = a, b_excess = a;
    uint32_t at = 0;
    for (; n - at >= 128; at += 128) {
        add_products(&a, &a_excess, row + at, query + at, UINT64_MAX);
        add_products(&b, &b_excess, row + at + 64, query + at + 64, UINT64_MAX);
    }
    for (; at < n; at += n - at < 64 ? n - at : 64)
        add_products(&a, &a_excess, row + at, query + at, n - at < 64 ? (1ull << (n - at)) - 1 : UINT64_MAX);
    a = _mm512_sub_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(a_excess, b_excess));
    return _mm512_reduce_add_epi32(a);
}

AVX512 static void avx512_encode_f16(const float *values, uint32_t n, uint8_t *row) {
    granary_dense_avx2.encode_f16(values, n, row);
}

const dense_kernels granary_dense_avx512 = {DENSE_SUMS(avx512), avx512_dot_i8_i8, avx512_encode_f16};
#endif
