#include "dense_internal.h"
#include "granary_rows.h"

INLINE float scalar_term(const uint8_t *row, const float *query, uint32_t at, float scale, dense_operation o,
                         dense_element e) {
    float x = value_at(row, at, e);
    if (o == NORM) return x * x;
    if (o == DOT) return x * query[at];
    if (e == I8) x *= scale;
    float difference = x - query[at];
    return difference * difference;
}

INLINE float scalar_sum(const uint8_t *row, const float *query, uint32_t n, float scale, dense_operation o,
                        dense_element e) {
    float lanes[LANES] = {0};
    uint32_t at = 0;
    for (; n - at >= LANES; at += LANES)
        for (uint32_t lane = 0; lane < LANES; lane++)
            lanes[lane] += scalar_term(row, query, at + lane, scale, o, e);
    for (uint32_t lane = 0; at + lane < n; lane++)
        lanes[lane] += scalar_term(row, query, at + lane, scale, o, e);
    for (uint32_t half = LANES / 2; half > 0; half /= 2)
        for (uint32_t lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

DENSE_FUNCTIONS(, scalar)

static int32_t scalar_dot_i8_i8(const uint8_t *row, const uint8_t *query, uint32_t n) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (int32_t)(int8_t)row[i] * (int32_t)(int8_t)query[i];
    return sum;
}

static void scalar_encode_f16(const float *values, uint32_t n, uint8_t *row) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(values[i]);
        uint16_t half = (uint16_t)(granary_half(float_of(bits & 0x7fffffffu)) | (bits >> 16 & 0x8000));
        memcpy(row + 2ull * i, &half, 2);
    }
}

const dense_kernels granary_dense_scalar = {DENSE_SUMS(scalar), scalar_dot_i8_i8, scalar_encode_f16};

int granary_dense_best_level(void) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c")) return 0;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512vnni")
               ? 2
               : 1;
#else
    return 0;
#endif
}

// What is asked for ahead: measured with rows of 768 to 3072 bytes from all over 4 GB. More is slower.
enum { TOUCHED_BYTES = 512, ROWS_AHEAD = 8 };

INLINE const dense_kernels *kernels(int level) {
#if defined(__x86_64__)
    if (level > 1) return &granary_dense_avx512;
    if (level > 0) return &granary_dense_avx2;
#endif
    (void)level;
    return &granary_dense_scalar;
}

#define PUBLIC_SUMS(SUFFIX, ELEMENT)                                                                         \
    float granary_dense_dot_##SUFFIX(const void *row, const float *query, uint32_t n, int level) {           \
        return kernels(level)->sum[DOT][ELEMENT](row, query, n, 1);                                          \
    }
#define PUBLIC_FLOAT_SUMS(SUFFIX, ELEMENT)                                                                   \
    PUBLIC_SUMS(SUFFIX, ELEMENT)                                                                             \
    float granary_dense_squared_norm_##SUFFIX(const void *row, uint32_t n, int level) {                      \
        return kernels(level)->sum[NORM][ELEMENT](row, 0, n, 1);                                             \
    }                                                                                                        \
    float granary_dense_l2_##SUFFIX(const void *row, const float *query, uint32_t n, int level) {            \
        return kernels(level)->sum[L2][ELEMENT](row, query, n, 1);                                           \
    }

PUBLIC_FLOAT_SUMS(f32, F32)
PUBLIC_FLOAT_SUMS(f16, F16)
PUBLIC_FLOAT_SUMS(bf16, BF16)
PUBLIC_SUMS(i8, I8)

int32_t granary_dense_dot_i8_i8(const void *row, const void *query, uint32_t n, int level) {
    return kernels(level)->dot_i8_i8(row, query, n);
}

float granary_dense_squared_norm_i8(const void *row, uint32_t n, int level) {
    return (float)granary_dense_dot_i8_i8(row, row, n, level);
}

float granary_dense_l2_i8(const void *row, const float *query, uint32_t n, float scale, int level) {
    return kernels(level)->sum[L2][I8](row, query, n, scale);
}

/// Asks for the first lines of a row; the processor goes on by itself.
INLINE void touch_row(const uint8_t *row, uint32_t bytes) {
    for (uint32_t at = 0; at < bytes && at < TOUCHED_BYTES; at += 64) __builtin_prefetch(row + at);
}

static float stored_scale(const uint8_t *row, uint32_t offset) {
    uint32_t bits;
    memcpy(&bits, row + offset, 4);
    float scale = float_of(bits);
    return bits < 0x7f800000u ? scale : scale == 0 ? 0 : float_of(0x7fc00000u);
}

void granary_dense_scores(const void *base, const uint64_t *offsets, size_t count, const float *query,
                          uint32_t dimensions, int element, int is_distance, uint32_t scale_offset, int level,
                          float *scores) {
    const uint8_t *rows = base;
    dense_element e = (dense_element)element;
    dense_function sum = kernels(level)->sum[is_distance ? L2 : DOT][e];
    uint32_t bytes = e == I8 ? scale_offset + 4 : dimensions * element_bytes(e);
    for (size_t i = 0; i < count && i < ROWS_AHEAD; i++) touch_row(rows + offsets[i], bytes);
    for (size_t i = 0; i < count; i++) {
        if (count - i > ROWS_AHEAD) touch_row(rows + offsets[i + ROWS_AHEAD], bytes);
        const uint8_t *row = rows + offsets[i];
        float scale = e == I8 ? stored_scale(row, scale_offset) : 1;
        float score = sum(row, query, dimensions, scale);
        scores[i] = is_distance ? -__builtin_sqrtf(score) : e == I8 ? score * scale : score;
    }
}

/// The largest magnitude, as bits: NaNs are above infinity.
static uint32_t largest_magnitude(const float *values, uint32_t n) {
    int32_t largest = 0;
    for (uint32_t i = 0; i < n; i++) {
        int32_t magnitude = (int32_t)(bits_of(values[i]) & 0x7fffffffu);
        if (magnitude > largest) largest = magnitude;
    }
    return (uint32_t)largest;
}

/// The position of the first value whose magnitude's bits are not below `limit`, or n.
static uint32_t first_beyond(const float *values, uint32_t n, uint32_t limit) {
    if (largest_magnitude(values, n) < limit) return n;
    uint32_t i = 0;
    while ((bits_of(values[i]) & 0x7fffffffu) < limit) i++;
    return i;
}

// The smallest magnitudes that do not fit: infinity, and what is rounded to it.
enum { F32_LIMIT = 0x7f800000, F16_LIMIT = 0x477ff000, BF16_LIMIT = 0x7f7f8000 };

uint32_t granary_dense_encode_f32(const float *values, uint32_t n, void *row) {
    uint32_t fitting = first_beyond(values, n, F32_LIMIT);
    if (fitting == n) memcpy(row, values, 4ull * n);
    return fitting;
}

uint32_t granary_dense_encode_f16(const float *values, uint32_t n, void *row, int level) {
    uint32_t fitting = first_beyond(values, n, F16_LIMIT);
    if (fitting == n) kernels(level)->encode_f16(values, n, row);
    return fitting;
}

uint32_t granary_dense_encode_bf16(const float *values, uint32_t n, void *row) {
    uint32_t fitting = first_beyond(values, n, BF16_LIMIT);
    if (fitting < n) return fitting;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(values[i]);
        uint16_t half = (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
        memcpy((uint8_t *)row + 2ull * i, &half, 2);
    }
    return n;
}

uint32_t granary_dense_encode_i8(const float *values, uint32_t n, void *row, float *scale) {
    uint32_t fitting = first_beyond(values, n, F32_LIMIT);
    if (fitting < n) return fitting;
    *scale = float_of(largest_magnitude(values, n)) / 127;
    // Rounded up, the scale of the largest floats would make them infinite.
    if (*scale * 127 == float_of(F32_LIMIT)) *scale = float_of(bits_of(*scale) - 1);
    if (*scale == 0) {
        memset(row, 0, n);
        return n;
    }
    for (uint32_t i = 0; i < n; i++) {
        float code = values[i] / *scale;
        // A subnormal scale may be too small by up to a third.
        code = code > 127 ? 127 : code < -127 ? -127 : code;
        // Rounded by the addition: the code is in the lower bits of the sum.
        ((uint8_t *)row)[i] = (uint8_t)bits_of(code + 0x1.8p23f);
    }
    return n;
}

#define DECODE(SUFFIX, ELEMENT)                                                                              \
    void granary_dense_decode_##SUFFIX(const void *row, uint32_t n, float *values) {                         \
        for (uint32_t i = 0; i < n; i++) values[i] = value_at(row, i, ELEMENT);                              \
    }

DECODE(f32, F32)
DECODE(f16, F16)
DECODE(bf16, BF16)

void granary_dense_decode_i8(const void *row, uint32_t n, float scale, float *values) {
    for (uint32_t i = 0; i < n; i++) values[i] = value_at(row, i, I8) * scale;
}
