#include "rows_internal.h"

size_t granary_query_table_length(uint32_t components, uint8_t wide) {
    return wide ? (size_t)components + 1 : 65536;
}

uint16_t granary_half(float weight) {
    uint32_t bits;
    if (weight >= 65520.0f) return 0x7bff;
    if (weight < 0.00006103515625f) {
        // Subnormal: a multiple of 2^-24; adding 0.5 makes the processor round to nearest even.
        float shifted = weight + 0.5f;
        memcpy(&bits, &shifted, 4);
        return (uint16_t)(bits - 0x3f000000u);
    }
    memcpy(&bits, &weight, 4);
    bits += 0xfffu + (bits >> 13 & 1);
    return (uint16_t)((bits - 0x38000000u) >> 13);
}

float granary_half_value(uint16_t half) { return half_value(half); }

float granary_code_value(uint8_t code) { return granary_half_value((uint16_t)(code << 7)); }

uint8_t granary_code_floor(float weight) {
    uint16_t half = granary_half(weight);
    // The float16 may have been rounded up past the weight: step back, so that a code never exceeds its
    // weight.
    if (half > 0 && granary_half_value(half) > weight) half--;
    return (uint8_t)(half >> 7);
}

uint8_t granary_code_nearest(float weight) {
    uint32_t half = granary_half(weight) + 64u;
    return (uint8_t)((half > 0x7bff ? 0x7bff : half) >> 7);
}

size_t granary_row_bound(size_t n, uint32_t components) {
    // Each bridge passes 65,535 components, so there are no more of them than fit below `components`.
    size_t padded = n + components / 0xffffu + GROUP;
    return ROW_HEADER + padded / GROUP + padded + 2 * padded + 16;
}

size_t granary_row_encode(const uint32_t *components, const uint8_t *codes, size_t n, uint8_t shift,
                          uint8_t *out, uint32_t *fine_order, uint32_t *entries) {
    size_t bridges = 0;
    uint32_t previous = 0;
    for (size_t i = 0; i < n; i++) {
        bridges += (components[i] - previous) / 0x10000u ? (components[i] - previous - 1) / 0xffffu : 0;
        previous = components[i];
    }
    size_t total = (n + bridges + GROUP - 1) / GROUP * GROUP, groups = total / GROUP;
    if (total > 0xffff) return 0;
    out[0] = (uint8_t)total;
    out[1] = (uint8_t)(total >> 8);
    out[2] = shift;
    out[3] = 0;
    uint8_t *control = out + ROW_HEADER, *code = control + groups, *gap = code + total;
    memset(control, 0, groups + total);
    previous = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t distance = components[i] - previous;
        previous = components[i];
        while (1) {
            uint32_t step = distance > 0xffff ? 0xffff : distance;
            distance -= step;
            *gap++ = (uint8_t)step;
            if (step > 0xff) {
                *gap++ = (uint8_t)(step >> 8);
                control[at / GROUP] |= (uint8_t)(1u << at % GROUP);
            }
            if (fine_order) fine_order[at] = distance ? UINT32_MAX : (uint32_t)i;
            if (distance) {
                at++;
                continue;
            }
            code[at++] = codes[i];
            break;
        }
    }
    while (at < total) {
        *gap++ = 0;
        if (fine_order) fine_order[at] = UINT32_MAX;
        at++;
    }
    while ((gap - out) % 8) *gap++ = 0;
    if (entries) *entries = (uint32_t)total;
    return (size_t)(gap - out);
}

long granary_row_decode(const granary_rows *rows, uint32_t ordinal, uint32_t *components, uint8_t *codes,
                        uint8_t *shift) {
    row_parts p = row_at(rows, ordinal);
    if (!p.codes) return -1;
    const uint8_t *gaps = p.gaps;
    uint32_t previous = 0, mask = component_mask(rows);
    for (uint32_t g = 0; g < p.entries / GROUP; g++) {
        size_t used = decode_group(p.control[g], gaps, p.gaps_end, &previous, mask, components + g * GROUP);
        if (used == 0) return -1;
        gaps += used;
    }
    memcpy(codes, p.codes, p.entries);
    *shift = p.shift;
    return (long)p.entries;
}

uint64_t granary_touch(const void *bytes, size_t length) {
    const volatile uint8_t *p = bytes;
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i += 64) sum += p[i];
    return length ? sum + p[length - 1] : sum;
}
