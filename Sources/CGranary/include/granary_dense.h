#ifndef GRANARY_DENSE_H
#define GRANARY_DENSE_H

#include <stddef.h>
#include <stdint.h>

// Dense rows: `dimensions` values (1 to 65,536) of one element type, without gaps, little-endian.
//
//   f32   IEEE 754 single precision
//   f16   IEEE 754 half precision
//   bf16  the upper half of a float32
//   i8    -128...127, times a scale that the caller keeps
//
// Nothing outside [row, row + dimensions × size of an element) and [query, query + dimensions) is read, and
// neither needs to be aligned.
//
// Sums are made in 64 lanes: lane i adds, in float32 and in order, the terms of dimensions i, i + 64, …;
// then, for h = 32, 16, 8, 4, 2, 1, lane i becomes lane i + lane i + h, for i < h; the sum is lane 0. No
// fused multiply-add. So a row's result depends on nothing but the row and the query: every level gives the
// same bits (but for the payload of a NaN).
//
// Distance from the exact sum of exact terms t: with u = 2^-24 and k = ⌈dimensions / 64⌉ + 6 roundings a term
// (k + 2 for l2), at most k u / (1 - k u) × Σ|t| + dimensions × 2^-149, as long as nothing overflows. The
// exact terms are those of decoded values (below).

/// Levels of the kernels: 0 scalar, 1 AVX2 with F16C, 2 AVX-512 (F, BW, DQ, VL, VNNI).
int granary_dense_best_level(void);

/// Σ row × query. For i8 the scale is left to the caller.
float granary_dense_dot_f32(const void *row, const float *query, uint32_t dimensions, int level);
float granary_dense_dot_f16(const void *row, const float *query, uint32_t dimensions, int level);
float granary_dense_dot_bf16(const void *row, const float *query, uint32_t dimensions, int level);
float granary_dense_dot_i8(const void *row, const float *query, uint32_t dimensions, int level);

/// Σ row × query of int8 values, exact.
int32_t granary_dense_dot_i8_i8(const void *row, const void *query, uint32_t dimensions, int level);

/// Σ row². For i8 the square of the scale is left to the caller; the sum is exact but for one rounding.
float granary_dense_squared_norm_f32(const void *row, uint32_t dimensions, int level);
float granary_dense_squared_norm_f16(const void *row, uint32_t dimensions, int level);
float granary_dense_squared_norm_bf16(const void *row, uint32_t dimensions, int level);
float granary_dense_squared_norm_i8(const void *row, uint32_t dimensions, int level);

/// Σ (row - query)²: the squared Euclidean distance. For i8, row is value × scale in float32;
/// the scale is finite.
float granary_dense_l2_f32(const void *row, const float *query, uint32_t dimensions, int level);
float granary_dense_l2_f16(const void *row, const float *query, uint32_t dimensions, int level);
float granary_dense_l2_bf16(const void *row, const float *query, uint32_t dimensions, int level);
float granary_dense_l2_i8(const void *row, const float *query, uint32_t dimensions, float scale, int level);

/// Elements, as `granary_dense_scores` takes them.
enum { GRANARY_DENSE_F32, GRANARY_DENSE_F16, GRANARY_DENSE_BF16, GRANARY_DENSE_I8 };

/// Scores of rows anywhere in memory, asked for ahead of their turn: the dot product, or with `is_distance`
/// the negative Euclidean distance. Row i begins at base + offsets[i]; for i8 its scale, a little-endian
/// float32, follows after `scale_offset` bytes, and one that is negative or not finite makes a NaN.
void granary_dense_scores(const void *base, const uint64_t *offsets, size_t count, const float *query,
                          uint32_t dimensions, int element, int is_distance, uint32_t scale_offset, int level,
                          float *scores);

/// Writes a row of some values: f16 and bf16 rounded to nearest, ties to even; i8 with the scale
/// largest |value| / 127 (0 if all are 0; the next smaller float where 127 × scale is infinite), each value /
/// scale rounded to nearest, ties to even, within ±127. Returns the position of the first value that does not
/// fit (NaN, infinite, or rounded to infinity), and then writes nothing, or `dimensions`.
uint32_t granary_dense_encode_f32(const float *values, uint32_t dimensions, void *row);
uint32_t granary_dense_encode_f16(const float *values, uint32_t dimensions, void *row, int level);
uint32_t granary_dense_encode_bf16(const float *values, uint32_t dimensions, void *row);
uint32_t granary_dense_encode_i8(const float *values, uint32_t dimensions, void *row, float *scale);

/// The values of a row, exact; for i8 value × scale, rounded to float32.
void granary_dense_decode_f32(const void *row, uint32_t dimensions, float *values);
void granary_dense_decode_f16(const void *row, uint32_t dimensions, float *values);
void granary_dense_decode_bf16(const void *row, uint32_t dimensions, float *values);
void granary_dense_decode_i8(const void *row, uint32_t dimensions, float scale, float *values);

#endif
