"""Enters the usual criteria of a search into a program: lists of values, ranges of numbers; no step in Python."""

from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from core_ext.program cimport Program

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cpdef enum:
    OTHER = 0    # not entered here
    VALUES = 1   # a list of texts: one of them
    PRESET = 2   # the same, with a list that holds where there is none
    NUMBERS = 3  # a range of whole numbers
    MONEY = 4    # a range of amounts, of rows that have one of the guard's codes
    AGE = 5      # a range of days before today
    EACH = 6     # a list of texts: each of them
    TOGETHER = 7  # as VALUES, in the group of the value before it

cdef enum:
    FEW_DIGITS = 15

cdef int64_t LARGEST = <int64_t>1 << 62
cdef int64_t[19] TENS
TENS[0] = 1
for _place in range(1, 19):
    TENS[_place] = 10 * TENS[_place - 1]


cdef bint _plain(object bound, int places, int64_t* found) except -1:
    """Reads a decimal without sign and exponent of few digits, in units of 10**-places; False for any other."""
    cdef Py_ssize_t size, i
    cdef str shown = str(bound)
    cdef const char* text = PyUnicode_AsUTF8AndSize(shown, &size)
    cdef int64_t value = 0
    cdef int after = -1
    if not 0 < size <= FEW_DIGITS:
        return False
    for i in range(size):
        if b"0" <= text[i] <= b"9":
            value = 10 * value + text[i] - 48
            after += after >= 0
        elif text[i] == b"." and after < 0:
            after = 0
        else:
            return False
    after = max(after, 0)
    if after > places or places - after + size > 18:
        return False
    found[0] = value * TENS[places - after]
    return True


cdef int _bounds(object asked, int places, int64_t* low, int64_t* high) except -1:
    """The smallest and largest whole number inside; 0 if the range has no bounds, -2 if it is not plainly right."""
    cdef int64_t bound
    cdef int given = 0
    low[0], high[0] = -LARGEST, LARGEST
    one = asked.gte
    if one is not None:
        if not _plain(one, places, low):
            return -2
        given = 1
    one = asked.gt
    if one is not None:
        if not _plain(one, places, &bound):
            return -2
        low[0], given = max(low[0], bound + 1), 1
    one = asked.lte
    if one is not None:
        if not _plain(one, places, high):
            return -2
        given = 1
    one = asked.lt
    if one is not None:
        if not _plain(one, places, &bound):
            return -2
        high[0], given = min(high[0], bound - 1), 1
    return -2 if low[0] > high[0] else given


cdef object _codes(dict spelled, object dictionary, object wanted, folded):
    """The codes of the spellings that compare equal to one of the texts."""
    cdef PyObject* known
    if len(wanted) == 1:
        known = PyDict_GetItem(spelled, wanted[0])
        return <object>known if known is not NULL else folded(dictionary, wanted[0])
    codes = set()
    for text in wanted:
        known = PyDict_GetItem(spelled, text)
        codes.update(<object>known if known is not NULL else folded(dictionary, text))
    return codes


def ask(Program program not None, tuple values not None, tuple kinds not None, tuple columns not None,
        tuple dictionaries not None, list preset not None, int places, Py_ssize_t guard, tuple guard_codes not None,
        int64_t today, folded, exactly):
    """Enters each value that is set, by its kind, as a filter, mostly of its own group.

    `columns`: the code or number column of each; `dictionaries`: by code column, with `spelled` (a dict from spelling
    to codes) and `values` (one a code). A text that is not spelled so is asked of `folded(dictionary, text)`, a range
    whose bounds are not plain of `exactly(range, places)`, which gives the smallest and largest whole number inside.
    Returns the places of what was entered, in order, the group of each, and the places of what is set and of another
    kind.
    """
    cdef Py_ssize_t i, column, before = -2
    cdef int kind, given
    cdef int64_t low, high
    cdef list entered = [], groups = [], others = []
    group = 0
    if not len(values) == len(kinds) == len(columns) or not 0 <= places <= 18:
        raise ValueError("values, kinds and columns are not of one length")
    for i in range(len(values)):
        value = values[i]
        kind = kinds[i]
        if kind == PRESET and value is None:
            value = preset
        if value is None:
            continue
        if kind == OTHER:
            if value:
                others.append(i)
            continue
        column = columns[i]
        if NUMBERS <= kind <= AGE:
            given = _bounds(value, places if kind == MONEY else 0, &low, &high)
            if not given:
                continue
            if given < 0:
                low, high = exactly(value, places if kind == MONEY else 0)
        elif not value:
            continue
        if kind != TOGETHER or before != i - 1:
            group = program.group()
        groups.append(group)
        entered.append(i)
        before = i
        program.filter()
        program.clause()
        if NUMBERS <= kind <= AGE:
            if kind == MONEY:
                program.codes(guard, guard_codes, len(dictionaries[guard].values))
                program.clause()
            elif kind == AGE:
                low, high = today - high, today - low
            program.range(column, low, high)
            continue
        dictionary = dictionaries[column]
        if kind == EACH:
            for number, text in enumerate(value):
                if number:
                    program.clause()
                codes = _codes(dictionary.spelled, dictionary, (text,), folded)
                program.codes(column, codes, len(dictionary.values))
        else:
            codes = _codes(dictionary.spelled, dictionary, value, folded)
            program.codes(column, codes, len(dictionary.values))
    return entered, groups, others
