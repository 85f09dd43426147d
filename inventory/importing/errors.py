"""Refusals of a whole file; faults of single rows are findings and never raise."""

from __future__ import annotations

from domain.kit.errors import Malformed, TooLarge, UnknownProperty


class UnreadableFile(Malformed):
    """The bytes are not what they claim to be; carries `byte`, the offset in the unpacked content, where known."""

    slug, title = "file-unreadable", "The file cannot be read"


class UnknownColumn(UnknownProperty):
    """Columns that the mapping neither uses nor lists as ignored; carries `columns`."""

    slug, title = "column-unknown", "The file has columns that the mapping does not know"


class HeaderFault(Malformed):
    """No header, a column named twice, or a needed one absent."""

    slug, title = "header-malformed", "The file's header cannot be used"


class FileTooLarge(TooLarge):
    """The file unpacks to more than the limit."""

    slug, title = "file-too-large", "The file is larger than an import takes"


class MappingFault(Malformed):
    """A column mapping that contradicts itself."""

    slug, title = "mapping-malformed", "The column mapping cannot be used"
