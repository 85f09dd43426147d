/* Ids of 16 bytes as Python shows them. */
#ifndef FORECOURT_UUIDS_H
#define FORECOURT_UUIDS_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

/* The text of a UUID; a new reference, or NULL with MemoryError set. */
static inline PyObject *uuid_text(const unsigned char *id) {
    static const char digits[] = "0123456789abcdef";
    PyObject *text = PyUnicode_New(36, 127);
    if (!text) return 0;
    unsigned char *at = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[id[i] >> 4];
        *at++ = digits[id[i] & 15];
    }
    return text;
}

/* Whether id a comes after id b, as their texts do. */
static inline int uuid_after(const unsigned char *a, const unsigned char *b) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && defined(__GNUC__)
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    if (x == y) {
        memcpy(&x, a + 8, 8);
        memcpy(&y, b + 8, 8);
    }
    return __builtin_bswap64(x) > __builtin_bswap64(y);
#else
    return memcmp(a, b, 16) > 0;
#endif
}

#endif
