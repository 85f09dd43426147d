"""JSON of many rows written from columns: a list of pieces a row, no Python object a value.

Pieces, each a tuple that begins with its kind:

- ("raw", bytes): as it stands.
- ("cut",): the place in the row that `finish` tells.
- ("uuid", uint8 (rows, 16)): a text.
- ("int", int64) and ("date", int64 ordinals of Python): ABSENT is null.
- ("text", blob, starts, present): a text with escapes, null where it is not present.
- ("code", uint32 codes, table): what the table has for the code; a table is (blob, starts) of ready JSON, and the blob
  goes on for SLACK bytes behind the last.
- ("codes", starts, codes, table, opening, closing): those of a list, with commas, between two bytes.
- ("texts", starts, blob, text starts): a list of texts.
- ("money", int64 minor units, uint32 currency codes, int64 decimals by code, table): an amount as the contract writes
  it, or null where either is absent; the table has the currency as a JSON text.
- ("odometer", int64 values, unit codes, table, status codes, table): an object, or null without a value.
"""

from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np

SLACK = 32

cdef enum:
    SLACK_BYTES = 32
    WIDE = 16  # bytes are copied so many at a time, up to SLACK beyond their end

cdef enum:
    RAW, CUT, UUID, INT, DATE, TEXT, CODE, CODES, TEXTS, MONEY, ODOMETER

_KINDS = ("raw", "cut", "uuid", "int", "date", "text", "code", "codes", "texts", "money", "odometer")
cdef const char* _HEX = b"0123456789abcdef"
cdef uint8_t[256] _ESCAPES  # 0: as it stands; 1: \u00..; else the letter after the backslash
for _byte in range(256):
    _ESCAPES[_byte] = 1 if _byte < 32 else 0
for _byte, _letter in ((8, b"b"), (9, b"t"), (10, b"n"), (12, b"f"), (13, b"r"), (34, b'"'), (92, b"\\")):
    _ESCAPES[_byte] = _letter[0]


cdef struct Table:
    const uint8_t* blob
    const int64_t* starts


cdef struct Piece:
    int kind
    const uint8_t* bytes  # raw, blob of texts, ids
    Py_ssize_t size
    const int64_t* numbers  # whole numbers, starts of texts, decimals by code
    const int64_t* scales
    const uint8_t* present
    const uint32_t* starts  # of lists
    const uint32_t* codes
    const uint32_t* more_codes
    Table table
    Table more_table
    uint8_t opening
    uint8_t closing


cdef class Owned:
    """Bytes that live as long as somebody looks at them."""

    cdef uint8_t* data
    cdef Py_ssize_t size

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        buffer.buf, buffer.len, buffer.itemsize, buffer.readonly = <char*>self.data, self.size, 1, 0
        buffer.ndim, buffer.format = 1, b"B"
        buffer.shape = &self.size
        buffer.strides = &buffer.itemsize
        buffer.suboffsets = NULL
        buffer.internal = NULL
        buffer.obj = self

    def __dealloc__(self):
        free(self.data)


cdef class Writer:
    """Rows of JSON one after the other. One thread at a time."""

    cdef uint8_t* _data
    cdef Py_ssize_t _used, _room
    cdef list _starts, _cuts

    def __cinit__(self):
        self._starts, self._cuts = [], []

    def __dealloc__(self):
        free(self._data)

    def write(self, Py_ssize_t rows, list pieces not None):
        """Adds rows made of the pieces; ValueError for pieces of another length. The GIL is released."""
        cdef Py_ssize_t row, i, n = len(pieces)
        cdef bint exhausted = False
        kept = []
        cdef Piece* told = <Piece*>realloc(NULL, <size_t>max(n, 1) * sizeof(Piece))
        cdef int64_t[::1] starts = np.empty(rows, np.int64)
        cdef uint32_t[::1] cuts = np.zeros(rows, np.uint32)
        if told is NULL:
            raise MemoryError
        try:
            for i in range(n):
                _read(pieces[i], &told[i], rows, kept)
            with nogil:
                for row in range(rows):
                    starts[row] = self._used
                    for i in range(n):
                        if told[i].kind == CUT:
                            cuts[row] = <uint32_t>(self._used - starts[row])
                        elif self._piece(&told[i], row) < 0:
                            exhausted = True
                            break
                    if exhausted:
                        break
        finally:
            free(told)
        if exhausted:
            raise MemoryError
        self._starts.append(np.asarray(starts))
        self._cuts.append(np.asarray(cuts))

    def finish(self):
        """(blob, starts of rows + 1, cuts): all rows, and where in each the cut was. The writer is empty afterwards."""
        cdef Owned owned = Owned()
        cdef void* fitted = realloc(self._data, <size_t>max(self._used, 1))
        owned.data = self._data if fitted is NULL else <uint8_t*>fitted
        owned.size = self._used
        ends = [*self._starts, np.array([self._used], np.int64)]
        cuts = np.concatenate([*self._cuts, np.zeros(0, np.uint32)])
        self._data, self._used, self._room, self._starts, self._cuts = NULL, 0, 0, [], []
        blob = np.frombuffer(owned, np.uint8) if owned.size else np.zeros(0, np.uint8)
        return blob, np.concatenate(ends), cuts

    cdef inline int _need(self, Py_ssize_t more) noexcept nogil:
        cdef void* grown
        cdef Py_ssize_t wanted
        if self._used + more + SLACK_BYTES > self._room:
            wanted = max(self._used + more + SLACK_BYTES, self._room + (self._room >> 1) + 65536)
            grown = realloc(self._data, <size_t>wanted)
            if grown is NULL:
                return -1
            self._data, self._room = <uint8_t*>grown, wanted
        return 0

    cdef inline int _bytes(self, const uint8_t* text, Py_ssize_t size) noexcept nogil:
        if self._need(size) < 0:
            return -1
        memcpy(self._data + self._used, text, <size_t>size)
        self._used += size
        return 0

    cdef inline int _padded(self, const uint8_t* text, Py_ssize_t size) noexcept nogil:
        """Bytes that go on for SLACK behind their end: the short ones, most of all, without a call."""
        cdef uint8_t* at
        if self._need(size) < 0:
            return -1
        at = self._data + self._used
        memcpy(at, text, WIDE)
        if size > WIDE:
            memcpy(at + WIDE, text + WIDE, WIDE)
            if size > 2 * WIDE:
                memcpy(at + 2 * WIDE, text + 2 * WIDE, <size_t>(size - 2 * WIDE))
        self._used += size
        return 0

    cdef inline int _byte(self, uint8_t byte) noexcept nogil:
        if self._need(1) < 0:
            return -1
        self._data[self._used] = byte
        self._used += 1
        return 0

    cdef inline int _null(self) noexcept nogil:
        return self._bytes(<const uint8_t*>b"null", 4)

    cdef inline int _ready(self, const Table* table, uint32_t code) noexcept nogil:
        return self._padded(table.blob + table.starts[code], table.starts[code + 1] - table.starts[code])

    cdef inline int _text(self, const uint8_t* text, Py_ssize_t size) noexcept nogil:
        cdef Py_ssize_t i
        cdef uint8_t escape
        cdef uint8_t* at
        if self._need(6 * size + 2) < 0:
            return -1
        at = self._data + self._used
        at[0] = b'"'
        at += 1
        for i in range(size):
            escape = _ESCAPES[text[i]]
            if escape == 0:
                at[0] = text[i]
                at += 1
            elif escape == 1:
                memcpy(at, b"\\u00", 4)
                at[4] = _HEX[text[i] >> 4]
                at[5] = _HEX[text[i] & 15]
                at += 6
            else:
                at[0] = b"\\"
                at[1] = escape
                at += 2
        at[0] = b'"'
        self._used = at + 1 - self._data
        return 0

    cdef inline int _int(self, int64_t value) noexcept nogil:
        cdef uint8_t[20] digits
        cdef Py_ssize_t first = 20
        cdef uint64_t rest = <uint64_t>value if value >= 0 else 0 - <uint64_t>value
        while True:
            first -= 1
            digits[first] = <uint8_t>(48 + rest % 10)
            rest //= 10
            if rest == 0:
                break
        if value < 0:
            first -= 1
            digits[first] = b"-"
        return self._bytes(digits + first, 20 - first)

    cdef int _amount(self, int64_t minor, int64_t decimals) noexcept nogil:
        """A decimal number with so many decimals."""
        cdef uint8_t[48] digits
        cdef Py_ssize_t first = 48
        cdef uint64_t rest = <uint64_t>minor if minor >= 0 else 0 - <uint64_t>minor
        while True:
            first -= 1
            digits[first] = <uint8_t>(48 + rest % 10)
            rest //= 10
            if decimals and 48 - first == decimals:
                first -= 1
                digits[first] = b"."
                if rest == 0:
                    first -= 1
                    digits[first] = b"0"
            if rest == 0 and 48 - first > decimals:
                break
        if minor < 0:
            first -= 1
            digits[first] = b"-"
        return self._bytes(digits + first, 48 - first)

    cdef int _date(self, int64_t ordinal) noexcept nogil:
        """Year, month and day of the proleptic Gregorian calendar (Howard Hinnant, civil_from_days)."""
        cdef int64_t z = ordinal + 305  # days from 0000-03-01
        cdef int64_t era = z // 146097
        cdef int64_t day_of_era = z - era * 146097
        cdef int64_t year_of_era = (
            day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
        ) // 365
        cdef int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        cdef int64_t month_from_march = (5 * day_of_year + 2) // 153
        cdef int64_t day = day_of_year - (153 * month_from_march + 2) // 5 + 1
        cdef int64_t month = month_from_march + (3 if month_from_march < 10 else -9)
        cdef int64_t year = year_of_era + era * 400 + (1 if month <= 2 else 0)
        cdef uint8_t[12] text
        text[0] = text[11] = b'"'
        text[1], text[2] = <uint8_t>(48 + year // 1000), <uint8_t>(48 + year // 100 % 10)
        text[3], text[4] = <uint8_t>(48 + year // 10 % 10), <uint8_t>(48 + year % 10)
        text[5] = text[8] = b"-"
        text[6], text[7] = <uint8_t>(48 + month // 10), <uint8_t>(48 + month % 10)
        text[9], text[10] = <uint8_t>(48 + day // 10), <uint8_t>(48 + day % 10)
        return self._bytes(text, 12)

    cdef int _uuid(self, const uint8_t* id) noexcept nogil:
        cdef uint8_t[38] text
        cdef Py_ssize_t i, at = 1
        text[0] = text[37] = b'"'
        for i in range(16):
            if i == 4 or i == 6 or i == 8 or i == 10:
                text[at] = b"-"
                at += 1
            text[at] = _HEX[id[i] >> 4]
            text[at + 1] = _HEX[id[i] & 15]
            at += 2
        return self._bytes(text, 38)

    cdef int _piece(self, const Piece* piece, Py_ssize_t row) noexcept nogil:
        cdef Py_ssize_t i
        cdef int64_t number
        if piece.kind == RAW:
            return self._padded(piece.bytes, piece.size)
        if piece.kind == CODE:
            return self._ready(&piece.table, piece.codes[row])
        if piece.kind == INT or piece.kind == DATE:
            number = piece.numbers[row]
            if number == INT64_MIN:
                return self._null()
            return self._int(number) if piece.kind == INT else self._date(number)
        if piece.kind == TEXT:
            if not piece.present[row]:
                return self._null()
            return self._text(piece.bytes + piece.numbers[row], piece.numbers[row + 1] - piece.numbers[row])
        if piece.kind == CODES or piece.kind == TEXTS:
            if self._byte(piece.opening) < 0:
                return -1
            for i in range(piece.starts[row], piece.starts[row + 1]):
                if i > piece.starts[row] and self._byte(44) < 0:
                    return -1
                if piece.kind == CODES:
                    if self._ready(&piece.table, piece.codes[i]) < 0:
                        return -1
                elif self._text(piece.bytes + piece.numbers[i], piece.numbers[i + 1] - piece.numbers[i]) < 0:
                    return -1
            return self._byte(piece.closing)
        if piece.kind == UUID:
            return self._uuid(piece.bytes + 16 * row)
        if piece.numbers[row] == INT64_MIN:
            return self._null()
        if piece.kind == MONEY:
            if piece.codes[row] == 0:
                return self._null()
            if self._bytes(<const uint8_t*>b'{"amount":"', 11) < 0:
                return -1
            if self._amount(piece.numbers[row], piece.scales[piece.codes[row]]) < 0:
                return -1
            if self._bytes(<const uint8_t*>b'","currency":', 13) < 0:
                return -1
            if self._ready(&piece.table, piece.codes[row]) < 0:
                return -1
            return self._byte(125)
        if self._bytes(<const uint8_t*>b'{"value":', 9) < 0 or self._int(piece.numbers[row]) < 0:
            return -1
        if self._bytes(<const uint8_t*>b',"unit":', 8) < 0 or self._ready(&piece.table, piece.codes[row]) < 0:
            return -1
        if self._bytes(<const uint8_t*>b',"status":', 10) < 0:
            return -1
        if self._ready(&piece.more_table, piece.more_codes[row]) < 0:
            return -1
        return self._byte(125)


cdef int _read(tuple given, Piece* piece, Py_ssize_t rows, list kept) except -1:
    """Checks one piece once, so that rows need not be; `kept` keeps its arrays alive."""
    cdef const uint8_t[::1] raw
    kept.append(given)
    piece.kind = _KINDS.index(given[0])
    if piece.kind == RAW:
        raw = given[1] + bytes(SLACK)
        kept.append(raw)
        piece.bytes, piece.size = _u1(raw), raw.shape[0] - SLACK
    elif piece.kind == UUID:
        piece.bytes = _u1(_flat(given[1], np.uint8, 16 * rows, kept))
    elif piece.kind == INT or piece.kind == DATE:
        piece.numbers = _i8(_flat(given[1], np.int64, rows, kept))
    elif piece.kind == TEXT:
        piece.bytes, piece.numbers = _arena(given[1], given[2], rows, kept)
        piece.present = _u1(_flat(given[3], np.uint8, rows, kept))
    elif piece.kind == CODE:
        piece.codes = _u4(_flat(given[1], np.uint32, rows, kept))
        _table(given[2], &piece.table, given[1], kept)
    elif piece.kind == CODES:
        piece.starts = _lists(given[1], len(given[2]), rows, kept)
        piece.codes = _u4(_flat(given[2], np.uint32, len(given[2]), kept))
        _table(given[3], &piece.table, given[2], kept)
        piece.opening, piece.closing = given[4][0], given[5][0]
    elif piece.kind == TEXTS:
        piece.starts = _lists(given[1], len(given[3]) - 1, rows, kept)
        piece.bytes, piece.numbers = _arena(given[2], given[3], len(given[3]) - 1, kept)
        piece.opening, piece.closing = b"[", b"]"
    elif piece.kind == MONEY:
        piece.numbers = _i8(_flat(given[1], np.int64, rows, kept))
        piece.codes = _u4(_flat(given[2], np.uint32, rows, kept))
        _table(given[4], &piece.table, given[2], kept)
        piece.scales = _i8(_flat(given[3], np.int64, len(given[4][1]) - 1, kept))
        if len(given[3]) and not 0 <= np.min(given[3]) <= np.max(given[3]) <= 20:
            raise ValueError("a currency has up to 20 decimals")
    elif piece.kind == ODOMETER:
        piece.numbers = _i8(_flat(given[1], np.int64, rows, kept))
        piece.codes = _u4(_flat(given[2], np.uint32, rows, kept))
        _table(given[3], &piece.table, given[2], kept)
        piece.more_codes = _u4(_flat(given[4], np.uint32, rows, kept))
        _table(given[5], &piece.more_table, given[4], kept)
    return 0


cdef object _flat(array, dtype, Py_ssize_t length, list kept):
    """The array as one line of so many elements."""
    line = np.ascontiguousarray(array).reshape(-1).view(dtype)
    if len(line) != length:
        raise ValueError("a piece has another number of rows")
    kept.append(line)
    return line


cdef const uint8_t* _u1(const uint8_t[::1] line) noexcept:
    return &line[0] if line.shape[0] else <const uint8_t*>b""


cdef const int64_t* _i8(const int64_t[::1] line) noexcept:
    return &line[0] if line.shape[0] else NULL


cdef const uint32_t* _u4(const uint32_t[::1] line) noexcept:
    return &line[0] if line.shape[0] else NULL


cdef int _runs(line, Py_ssize_t end) except -1:
    if line[0] != 0 or line[len(line) - 1] != end or np.any(line[1:] < line[:len(line) - 1]):
        raise ValueError("starts must run from 0 to the end, and never back")
    return 0


cdef (const uint8_t*, const int64_t*) _arena(blob, starts, Py_ssize_t count, list kept):
    """Bytes and starts of so many texts."""
    line = _flat(starts, np.int64, count + 1, kept)
    _runs(line, len(blob))
    return _u1(_flat(blob, np.uint8, len(blob), kept)), _i8(line)


cdef const uint32_t* _lists(starts, Py_ssize_t elements, Py_ssize_t rows, list kept):
    line = _flat(starts, np.uint32, rows + 1, kept)
    _runs(line, elements)
    return _u4(line)


cdef int _table(given, Table* table, codes, list kept) except -1:
    """Ready JSON by code; every code must have one."""
    if len(codes) and np.max(codes) >= len(given[1]) - 1:
        raise ValueError("a code without an entry in its table")
    table.blob, table.starts = _arena(given[0][:max(len(given[0]) - SLACK, 0)], given[1], len(given[1]) - 1, kept)
    return 0
