#ifndef GRANARY_DENSE_INTERNAL_H
#define GRANARY_DENSE_INTERNAL_H

#include "granary_dense.h"
#include <string.h>

// Fused multiply-add has other bits than a product and a sum.
#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 64 };

typedef enum {
    F32 = GRANARY_DENSE_F32,
    F16 = GRANARY_DENSE_F16,
    BF16 = GRANARY_DENSE_BF16,
    I8 = GRANARY_DENSE_I8,
    ELEMENTS
} dense_element;
typedef enum { DOT, NORM, L2, OPERATIONS } dense_operation;

/// One sum over a row. `query` is not looked at for a norm, `scale` only for the L2 of int8.
typedef float (*dense_function)(const uint8_t *row, const float *query, uint32_t n, float scale);
typedef int32_t (*dense_integer_function)(const uint8_t *row, const uint8_t *query, uint32_t n);

/// The kernels of one level.
typedef struct {
    dense_function sum[OPERATIONS][ELEMENTS];
    dense_integer_function dot_i8_i8;
    void (*encode_f16)(const float *values, uint32_t n, uint8_t *row);
} dense_kernels;

extern const dense_kernels granary_dense_scalar;
#if defined(__x86_64__)
extern const dense_kernels granary_dense_avx2, granary_dense_avx512;
#endif

INLINE uint32_t element_bytes(dense_element e) { return e == F32 ? 4 : e == I8 ? 1 : 2; }

INLINE float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

/// Any float16, signs, infinities and NaNs (made quiet) included, which `granary_half_value` leaves out;
/// inline and without a branch, so that loops over it become vector code.
INLINE float signed_half_value(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t finite = bits_of(float_of(magnitude) * 0x1p112f);
    uint32_t special = magnitude | 0x7f800000u | (uint32_t)(magnitude > 0x0f800000u) << 22;
    return float_of(sign | (magnitude >= 0x0f800000u ? special : finite));
}

/// The value at a position of a row; for int8 without its scale.
INLINE float value_at(const uint8_t *row, uint32_t at, dense_element e) {
    uint32_t word = 0;
    uint16_t half = 0;
    switch (e) {
    case F32: memcpy(&word, row + 4ull * at, 4); return float_of(word);
    case F16: memcpy(&half, row + 2ull * at, 2); return signed_half_value(half);
    case BF16: memcpy(&half, row + 2ull * at, 2); return float_of((uint32_t)half << 16);
    default: return (float)(int8_t)row[at];
    }
}

/// Defines a function for each operation and element from `NAME_sum`, and names them all for a table.
/// The norm of int8 is not among them: it is an integer sum.
#define DENSE_FUNCTION(TARGET, NAME, OPERATION, ELEMENT)                                                     \
    TARGET static float NAME##_##OPERATION##_##ELEMENT(const uint8_t *row, const float *query, uint32_t n,   \
                                                       float scale) {                                        \
        return NAME##_sum(row, query, n, scale, OPERATION, ELEMENT);                                         \
    }
#define DENSE_FUNCTIONS(TARGET, NAME)                                                                        \
    DENSE_FUNCTION(TARGET, NAME, DOT, F32)                                                                   \
    DENSE_FUNCTION(TARGET, NAME, DOT, F16)                                                                   \
    DENSE_FUNCTION(TARGET, NAME, DOT, BF16)                                                                  \
    DENSE_FUNCTION(TARGET, NAME, DOT, I8)                                                                    \
    DENSE_FUNCTION(TARGET, NAME, NORM, F32)                                                                  \
    DENSE_FUNCTION(TARGET, NAME, NORM, F16)                                                                  \
    DENSE_FUNCTION(TARGET, NAME, NORM, BF16)                                                                 \
    DENSE_FUNCTION(TARGET, NAME, L2, F32)                                                                    \
    DENSE_FUNCTION(TARGET, NAME, L2, F16)                                                                    \
    DENSE_FUNCTION(TARGET, NAME, L2, BF16)                                                                   \
    DENSE_FUNCTION(TARGET, NAME, L2, I8)
#define DENSE_SUMS(NAME)                                                                                     \
    {{NAME##_DOT_F32, NAME##_DOT_F16, NAME##_DOT_BF16, NAME##_DOT_I8},                                       \
     {NAME##_NORM_F32, NAME##_NORM_F16, NAME##_NORM_BF16, 0},                                                \
     {NAME##_L2_F32, NAME##_L2_F16, NAME##_L2_BF16, NAME##_L2_I8}}

#endif
