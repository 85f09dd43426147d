/* Ids of 16 bytes as Python shows them. */
#ifndef FORECOURT_UUIDS_H
#define FORECOURT_UUIDS_H

#include <Python.h>

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

#endif
