"""Rules written in the Common Expression Language: a text becomes a compiled rule, which is asked about one record.

Facts are plain identifiers with a type (str, int, float, bool, datetime or list of texts). What is wrong with a text is
said with its line and column when it is compiled, so that a rule which was kept can be asked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

__all__ = ["LONGEST", "FactMissing", "Rule", "RuleFault", "compile_rule"]

LONGEST = 2_000
"""Characters of a rule."""
_MOST_LOOPS = 3
"""Macros such as `exists` multiply: more of them than this could keep a processor busy."""
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_METHODS = frozenset({"contains", "endsWith", "matches", "size", "startsWith"}) | frozenset(
    f"get{part}"
    for part in ("Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "FullYear", "Hours", "Minutes", "Month", "Seconds")
)
_FUNCTIONS = frozenset({"bool", "double", "duration", "has", "int", "matches", "size", "string", "timestamp", "uint"})
_BOTH_FAILED = re.compile(r"no matching overload for _(?:&&|\|\|)_ applied to [^,]*CELEvalError[^,]*,[^,]*CELEvalError")
"""How celpy says of `a && b` that neither side has a value."""
_SAMPLES: dict[type, tuple[Any, Any]] = {
    str: ("", "a"),
    int: (0, 7),
    float: (0.0, 7.5),
    bool: (False, True),
    datetime: (
        datetime.fromisoformat("2000-01-01T00:00:00+00:00"),
        datetime.fromisoformat("2030-06-01T12:00:00+00:00"),
    ),
    list: ([], ["a"]),
}


class RuleFault(ValueError):
    """The text is no rule: what is wrong, and where (line and column from 1, where they are known)."""

    def __init__(self, detail: str, line: int | None = None, column: int | None = None):
        place = f" at line {line}, column {column}" if line else ""
        super().__init__(f"{detail}{place}")
        self.line = line
        self.column = column


class FactMissing(Exception):
    """A rule could not be answered, for something that it asks is not known or its answer has no value."""


class Rule:
    """A compiled rule. `facts` are the names that it asks."""

    __slots__ = ("_program", "facts", "text")

    def __init__(self, text: str, facts: frozenset[str], program: Any):
        self.text = text
        self.facts = facts
        self._program = program

    def value(self, facts: Mapping[str, Any]) -> Any:
        """The rule's value as celpy has it (its types are subclasses of Python's). Facts that are None are not known.

        FactMissing where the value depends on something unknown or cannot be computed (division by zero).
        """
        from celpy.evaluation import CELEvalError

        try:
            return self.evaluated(facts)
        except CELEvalError as fault:
            raise FactMissing(str(fault.args[0])[:200] if fault.args else "no value") from None

    def evaluated(self, facts: Mapping[str, Any]) -> Any:
        """The same; raises what celpy raises."""
        from celpy.adapter import json_to_cel

        known = {name: json_to_cel(facts[name]) for name in self.facts if facts.get(name) is not None}
        return self._program.evaluate(known)

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether the rule is true of these facts; one that cannot be answered is not."""
        try:
            return bool(self.value(facts))
        except FactMissing:
            return False


def compile_rule(text: str, facts: Mapping[str, type]) -> Rule:
    """Compile a rule that answers yes or no over facts of these names and types; compiled rules are kept.

    RuleFault where the text is no rule, asks for an unknown fact, compares what cannot be compared, or is too long.
    """
    return _compiled(text, tuple(sorted(facts.items(), key=lambda item: item[0])))


@functools.lru_cache(maxsize=4096)
def _compiled(text: str, facts: tuple[tuple[str, type], ...]) -> Rule:
    import celpy
    from celpy.celparser import CELParseError

    if len(text) > LONGEST:
        raise RuleFault(f"is longer than {LONGEST} characters")
    environment = celpy.Environment()
    known = dict(facts)
    try:
        tree = environment.compile(text)
        asked = frozenset(_asked(tree, frozenset(known)))
        rule = Rule(text, asked, environment.program(tree))
        _tried(rule, {name: known[name] for name in asked})
    except CELParseError as fault:
        raise RuleFault("is not a rule", fault.line, fault.column) from None
    except RecursionError:
        raise RuleFault("is nested too deeply") from None
    return rule


def _asked(tree: Any, known: frozenset[str]) -> set[str]:
    """The facts that the rule asks; RuleFault for names and functions that there are not."""
    found: set[str] = set()
    loops = 0
    todo: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while todo:
        node, bound = todo.pop()
        if not hasattr(node, "data"):
            continue
        kind, parts = str(node.data), node.children
        if kind in ("ident", "dot_ident", "dot_ident_arg", "ident_arg"):
            name = parts[0]
            if kind in ("ident", "dot_ident"):
                if name in known and name not in bound:
                    found.add(str(name))
                elif name not in bound:
                    raise RuleFault(f"asks for {name}, which is not known here", name.line, name.column)
            elif name not in _FUNCTIONS:
                raise RuleFault(f"calls {name}, which there is not", name.line, name.column)
        if kind in ("member_object", "fieldinits"):
            raise RuleFault("makes an object, which rules do not")
        if kind == "member_dot_arg":
            name = parts[1]
            if name in _MACROS:
                loops += 1
                if loops > _MOST_LOOPS:
                    raise RuleFault(f"has more than {_MOST_LOOPS} loops", name.line, name.column)
                variable = next(_words(parts[2]), None) if len(parts) > 2 else None
                todo.append((parts[0], bound))
                if len(parts) > 2:
                    todo.append((parts[2], bound | ({str(variable)} if variable else frozenset())))
                continue
            if name not in _METHODS:
                raise RuleFault(f"calls {name}, which there is not", name.line, name.column)
        todo.extend((part, bound) for part in reversed(parts))
    return found


def _words(tree: Any) -> Iterator[Any]:
    """The identifiers below a node, in order."""
    for node in tree.iter_subtrees_topdown():
        if str(node.data) == "ident":
            yield node.children[0]


def _tried(rule: Rule, facts: Mapping[str, type]) -> None:
    """Ask the rule about two made-up records: what can never be compared or computed shows at once."""
    from celpy.evaluation import CELEvalError

    answered = False
    for at in (0, 1):
        try:
            answer = rule.evaluated({name: _SAMPLES[kind][at] for name, kind in facts.items()})
        except CELEvalError as fault:
            told = _BOTH_FAILED.sub("", str(fault.args))
            if "overload" in told:
                raise RuleFault("compares or combines values of different kinds") from None
            if "match error" in told:
                raise RuleFault("has a pattern that is none (RE2 syntax)") from None
            continue
        answered = True
        if not isinstance(answer, _yes_or_no()):
            raise RuleFault("does not answer yes or no")
    if not answered and not rule.facts:
        raise RuleFault("has no value")


@functools.cache
def _yes_or_no() -> type:
    from celpy.celtypes import BoolType

    return BoolType
