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

/* The bytes of a UUID written with four hyphens; 0 for another text. */
static inline int uuid_bytes(PyObject *text, unsigned char *id) {
    if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND || PyUnicode_GET_LENGTH(text) != 36) return 0;
    const unsigned char *at = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < 16; i++) {
        int byte = 0;
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*at++ != '-') return 0;
        }
        for (int half = 0; half < 2; half++) {
            unsigned char c = *at++;
            int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
            if (digit < 0) return 0;
            byte = byte << 4 | digit;
        }
        id[i] = (unsigned char)byte;
    }
    return 1;
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
