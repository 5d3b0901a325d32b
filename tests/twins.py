"""Copies of a few statements that have to agree, because a call in their place costs too much.

A comment above the first statement says of what idea it is a copy, and how long it is:

    # twin: send (2 statements)
    cell.inbox.put(envelope)
    if cell.closed:
        cell.drain_to_dead_letters()

Statements are counted in the block in which the first one stands; what is said about an attribute
in a string does not count. Twins may lie in one another.

Two copies are compared as they are unparsed, after what has a name of its own in one of them was
renamed as declared. A twin that lies in another stands there as `twin("name")`. What differs all
the same is declared, line by line, and has a reason.

A copy without a mark is found by its shape: the same statements in a row, with any names or
attributes in the place of local variables.
"""

from __future__ import annotations

import ast
import builtins
import copy
import difflib
import io
import re
import tokenize
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MARK = re.compile(r"# twin: ([\w ]+) \((\d+) statements?\)$")

LIKE_A_MARK = re.compile(r"#\s*twin\b", re.IGNORECASE)

HOLE = ast.Expr(ast.Constant(...))


@dataclass(frozen=True)
class Differs:
    """A difference of a copy from the first one, and why it is right."""

    here: str
    there: str
    why: str


@dataclass(frozen=True)
class Copy:
    """What is declared of one copy.

    Args:
        file: The module, by its path in the package.
        function: The function or class in which it stands.
        names: What has a name of its own here, and what it is called where the copies are
            compared. Both are expressions: a local variable, or a path of attributes.
        differs: What is different all the same.
    """

    file: str
    function: str
    names: Mapping[str, str] = field(default_factory=dict)
    differs: Sequence[Differs] = ()

    @property
    def place(self) -> tuple[str, str]:
        return self.file, self.function


@dataclass(frozen=True)
class Twin:
    """An idea of which there are copies.

    Args:
        why: Why they cannot be one.
        copies: The places. The first one is what the others are compared to.
        holes: Blocks that may hold anything: `"body"` or `"orelse"` of the statements themselves.
        in_any_order: Whether it is a set of assignments, with `a = b = 0` as two of them.
    """

    why: str
    copies: Sequence[Copy]
    holes: Sequence[str] = ()
    in_any_order: bool = False


@dataclass
class Region:
    """A marked copy, as it stands in the source."""

    name: str
    length: int
    file: str
    function: str
    scope: ast.AST
    block: list[ast.stmt]
    start: int

    @property
    def place(self) -> tuple[str, str]:
        return self.file, self.function

    @property
    def statements(self) -> list[ast.stmt]:
        return self.block[self.start : self.start + self.length]

    def __str__(self) -> str:
        return f"{self.file}, line {self.block[self.start].lineno} ({self.function})"


class Start(NamedTuple):
    """Where a statement stands."""

    file: str
    function: str
    scope: ast.AST
    """That function itself; the class or the module, if there is none."""
    block: list[ast.stmt]
    index: int
    line: int


class Sources:
    """The sources, with the marked copies in them.

    Args:
        sources: The text of each module, by its path.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.regions: list[Region] = []
        self.errors: list[str] = []
        self.statements: dict[type, list[Start]] = defaultdict(list)
        """All statements, by their class."""
        for file, text in sources.items():
            starts = list(_starts(file, _parse(text)))
            for start in starts:
                self.statements[_kind(start.block[start.index])].append(start)
            if LIKE_A_MARK.search(text):
                self._read_marks(file, text, {start.line: start for start in starts})

    def of(self, name: str) -> list[Region]:
        return [region for region in self.regions if region.name == name]

    def _read_marks(self, file: str, text: str, starts: Mapping[int, Start]) -> None:
        waiting: list[tuple[str, int]] = []
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found = MARK.match(token.string)
                if found is not None:
                    waiting.append((found[1], int(found[2])))
                elif LIKE_A_MARK.match(token.string):
                    self.errors.append(f"{file}, line {token.start[0]}: not a mark of a twin")
            elif waiting and token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                line = token.start[0]
                if line not in starts:
                    self.errors.append(f"{file}, line {line}: a mark above no statement")
                else:
                    for name, length in waiting:
                        self._enter(Region(name, length, *starts[line][:-1]))
                waiting = []

    def _enter(self, region: Region) -> None:
        too_long = region.start + region.length - len(region.block)
        if too_long > 0:
            self.errors.append(f"{region}: {region.name!r} has not {region.length} statements")
            region.length -= too_long
        self.regions.append(region)


def _parse(text: str) -> ast.Module:
    """Parse a module, without strings that stand alone."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for _, block in _blocks(node):
            block[:] = [statement for statement in block if not _is_said(statement)]
    return tree


def _is_said(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _blocks(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield name, block


def _functions(
    node: ast.AST, function: str = "", scope: ast.AST | None = None
) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Each node, with the name of the function it is in, and that function itself."""
    yield function, scope or node, node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{function}.{child.name}".lstrip(".")
            is_class = isinstance(child, ast.ClassDef)
            yield from _functions(child, inner, None if is_class else child)
        else:
            yield from _functions(child, function, scope)


def _starts(file: str, tree: ast.Module) -> Iterator[Start]:
    for function, scope, node in _functions(tree):
        for _, block in _blocks(node):
            for index, statement in enumerate(block):
                decorators = getattr(statement, "decorator_list", [])
                line = min([statement.lineno, *(each.lineno for each in decorators)])
                yield Start(file, function, scope, block, index, line)


# --- comparing


def complaints(name: str, twin: Twin, regions: Sequence[Region], every: Sources) -> list[str]:
    """What is wrong with the copies of one idea."""
    declared = {declaration.place: declaration for declaration in twin.copies}
    found = {region.place: region for region in regions}
    wrong = [
        f"{region}: {name!r} is marked and not declared"
        for region in regions
        if region.place not in declared
    ]
    wrong += [
        f"{file} ({function}): {name!r} is declared and not marked"
        for file, function in declared
        if (file, function) not in found
    ]
    if len(found) != len(regions):
        wrong.append(f"{name!r} stands twice in one function")
    if wrong:
        return wrong
    first = found[twin.copies[0].place]
    expected = "\n".join(_lines(first, twin, twin.copies[0].names, every))
    for declaration in twin.copies[1:]:
        region = found[declaration.place]
        wrong += [
            f"{region}: {name!r}: {other!r} is something else here already"
            for other in _taken(region, declaration.names)
        ]
        lines = _lines(region, twin, declaration.names, every)
        try:
            text = "\n".join(_undo(lines, declaration.differs))
        except ValueError as error:
            wrong.append(f"{first} and {region}: {name!r}: {error}")
            continue
        if text != expected:
            difference = difflib.unified_diff(
                expected.split("\n"), text.split("\n"), str(first), str(region), lineterm=""
            )
            wrong.append(
                f"{first} and {region} are copies of {name!r} and differ:\n"
                + "\n".join(difference)
            )
    return wrong


def _taken(region: Region, names: Mapping[str, str]) -> set[str]:
    """The names that something would be renamed to, and that stand in the copy already."""
    stand = {_path(node) for statement in region.statements for node in ast.walk(statement)}
    return {name for name in names.values() if name in stand and name not in names}


def _lines(region: Region, twin: Twin, names: Mapping[str, str], every: Sources) -> list[str]:
    """The copy, in the words of the first one."""
    clean = _Cleaner(region, twin, names, every)
    statements = [clean.visit(statement) for statement in clean.shortened(region.statements)]
    if twin.in_any_order:
        return sorted(line for statement in statements for line in _one_by_one(statement))
    module = ast.fix_missing_locations(ast.Module(statements, []))
    return ast.unparse(module).split("\n")


def _one_by_one(statement: ast.stmt) -> Iterator[str]:
    if not isinstance(statement, ast.Assign):
        yield ast.unparse(statement)
        return
    for target in statement.targets:
        yield f"{ast.unparse(target)} = {ast.unparse(statement.value)}"


class _Cleaner:
    """Copies a tree and changes the copy: see the head of this file."""

    def __init__(
        self, region: Region, twin: Twin, names: Mapping[str, str], every: Sources
    ) -> None:
        self._names = names
        self._holes = twin.holes
        self._tops = {id(statement) for statement in region.statements}
        self._inner = {
            id(other.block[other.start]): other
            for other in every.regions
            if other.file == region.file
            and other.name != region.name
            and not (other.block is region.block and other.start == region.start)
        }

    def shortened(self, block: list[ast.stmt]) -> list[ast.stmt]:
        """The block, with the name of a twin in the place of each that lies in it."""
        short: list[ast.stmt] = []
        index = 0
        while index < len(block):
            inner = self._inner.get(id(block[index]))
            if inner is not None and index + inner.length <= len(block):
                short.append(ast.parse(f"twin({inner.name!r})").body[0])
                index += inner.length
            else:
                short.append(block[index])
                index += 1
        return short

    def visit(self, node: Any) -> Any:
        name = _path(node)
        if name in self._names:
            return ast.parse(self._names[name], mode="eval").body
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return ast.Assign([self.visit(node.target)], self.visit(node.value))
        fields: dict[str, Any] = {}
        for key, value in ast.iter_fields(node):
            is_hole = key in self._holes and id(node) in self._tops
            fields[key] = [HOLE] if is_hole and value else self._visit_field(value)
        if isinstance(node, ast.arg):
            fields["arg"] = self._names.get(node.arg, node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            fields["name"] = self._names.get(node.name, node.name)
        return type(node)(**fields)

    def _visit_field(self, value: Any) -> Any:
        if isinstance(value, list):
            is_block = value and isinstance(value[0], ast.stmt)
            return [self._visit_field(i) for i in (self.shortened(value) if is_block else value)]
        return self.visit(value) if isinstance(value, ast.AST) else value


def _undo(lines: list[str], differences: Iterable[Differs]) -> list[str]:
    """Replace what is declared to differ by what stands in the first copy.

    Raises:
        ValueError: It does not stand here, or twice.
    """
    for difference in differences:
        here = difference.here.split("\n")
        places = [
            (index, indent)
            for index in range(len(lines) - len(here) + 1)
            for indent in [_indent_of(lines[index])]
            if lines[index : index + len(here)] == [indent + line for line in here]
        ]
        if len(places) != 1:
            msg = f"stands here {len(places)} times, and not once:\n{difference.here}"
            raise ValueError(msg)
        ((index, indent),) = places
        there = [indent + line for line in difference.there.split("\n") if line]
        lines = [*lines[:index], *there, *lines[index + len(here) :]]
    return lines


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


# --- finding copies without a mark


def unmarked(
    twins: Mapping[str, Twin],
    every: Sources,
    *,
    among: Sources | None = None,
    but: Mapping[tuple[str, str, str], str],
) -> list[str]:
    """Places that look like a copy, and are not marked.

    Args:
        twins: The ideas.
        every: The sources with the marked copies.
        among: Where to look for more.
        but: Places that only look like one: idea, file and function, and why.
    """
    wrong = []
    among = every if among is None else among
    for name, twin in twins.items():
        seen = {(id(each.block), each.start) for each in every.of(name)}
        for pattern in [_Pattern(region, twin) for region in every.of(name)]:
            for start in among.statements[pattern.kind]:
                place = (id(start.block), start.index)
                if place in seen or (name, start.file, start.function) in but:
                    continue
                if pattern.fits(start.block, start.index):
                    seen.add(place)
                    wrong.append(
                        f"{start.file}, line {start.line} ({start.function}) looks like "
                        f"{pattern.region}, a copy of {name!r}, and has no mark"
                    )
    return wrong


class _Pattern:
    """The shape of a copy: its local variables stand for any names and paths of attributes."""

    def __init__(self, region: Region, twin: Twin) -> None:
        self.region = region
        self._holes = twin.holes
        self._statements = region.statements
        self.kind = _kind(self._statements[0])
        paths = {each for one in twin.copies for pair in one.names.items() for each in pair}
        names = _locals_of(region.scope) | paths
        self._variables = {
            id(node): path
            for statement in self._statements
            for node in ast.walk(statement)
            for path in [_path(node)]
            if path in names
        }
        self._bound: dict[str, str] = {}

    def fits(self, block: list[ast.stmt], index: int) -> bool:
        """Tell whether the statements from there on have the shape."""
        self._bound = {}
        there = block[index : index + len(self._statements)]
        return len(there) == len(self._statements) and all(
            self._fits(mine, theirs, is_top=True)
            for mine, theirs in zip(self._statements, there, strict=True)
        )

    def _fits(self, mine: Any, theirs: Any, *, is_top: bool = False) -> bool:
        variable = self._variables.get(id(mine))
        if variable is not None:
            other = _path(theirs)
            return other is not None and self._binds(variable, other)
        mine, theirs = _unannotated(mine), _unannotated(theirs)
        if type(mine) is not type(theirs):
            return False
        if isinstance(mine, list):
            return len(mine) == len(theirs) and all(map(self._fits, mine, theirs))
        if not isinstance(mine, ast.AST):
            return bool(mine == theirs)
        left_out = ("ctx", *self._holes) if is_top else ("ctx",)
        return all(
            self._binds(value, getattr(theirs, key))
            if isinstance(mine, ast.ExceptHandler) and key == "name"
            else self._fits(value, getattr(theirs, key))
            for key, value in ast.iter_fields(mine)
            if key not in left_out
        )

    def _binds(self, name: str | None, other: str | None) -> bool:
        if name is None or other is None:
            return name is other
        return self._bound.setdefault(name, other) == other


def _kind(statement: ast.stmt) -> type:
    return type(_unannotated(statement))


def _unannotated(node: Any) -> Any:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.Assign([node.target], node.value, None)
    return node


def _path(node: Any) -> str | None:
    """The name of a variable, or of an attribute of an attribute … of a variable."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(attributes)]) if isinstance(node, ast.Name) else None


def _locals_of(scope: ast.AST) -> set[str]:
    """The names that are bound in a function."""
    found = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found - set(dir(builtins))


# --- planting mistakes


def mutations(region: Region, twin: Twin, every: Sources) -> Iterator[str]:
    """Change one thing in a copy, say what, and take it back when asked for the next.

    What belongs to a twin that lies in this one is left to that; so is what is in a hole.
    """
    others = {
        id(statement)
        for other in every.regions
        if other.file == region.file and other is not region
        for statement in other.statements
        if not (other.block is region.block and other.start <= region.start)
    }
    for index in range(region.start, region.start + region.length):
        yield from _mutations(region.block, index, twin.holes, others)


def _mutations(
    block: list[ast.stmt], index: int, holes: Sequence[str], others: set[int]
) -> Iterator[str]:
    statement = block[index]
    if id(statement) in others:
        return
    try:
        block[index] = ast.copy_location(ast.Global(["dropped"]), statement)
        yield f"dropped: {ast.unparse(statement).splitlines()[0]}"
    finally:
        block[index] = statement
    inner = [lines for name, lines in _blocks(statement) if name not in holes]
    inner += [handler.body for handler in getattr(statement, "handlers", [])]
    for lines in inner:
        for number in range(len(lines)):
            yield from _mutations(lines, number, (), others)
    for node in _expressions(statement):
        yield from _changed(node)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement, without those of the statements in it, and of annotations."""
    to_do: list[ast.AST] = [statement]
    while to_do:
        node = to_do.pop()
        yield node
        for key, value in ast.iter_fields(node):
            if key == "annotation" and isinstance(node, ast.AnnAssign):
                continue
            values = value if isinstance(value, list) else [value]
            to_do += [
                each
                for each in values
                if isinstance(each, ast.AST)
                and not isinstance(each, ast.stmt | ast.ExceptHandler | ast.expr_context)
            ]


def _changed(node: Any) -> Iterator[str]:
    changes: dict[str, Any] = {}
    if isinstance(node, ast.Attribute):
        changes["attr"] = node.attr + "_"
    elif isinstance(node, ast.Name):
        changes["id"] = node.id + "_"
    elif isinstance(node, ast.Constant):
        changes["value"] = "another"
    elif isinstance(node, ast.If):
        changes["test"] = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.arg):
        changes["arg"] = node.arg + "_"
    elif isinstance(node, ast.BoolOp):
        changes["op"] = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    for key, value in changes.items():
        before = getattr(node, key)
        try:
            setattr(node, key, value)
            yield f"changed: {ast.unparse(node)}"
        finally:
            setattr(node, key, before)


def planted(region: Region, name: str = "planted") -> str:
    """A function with one more copy, whose local variables are called otherwise."""
    names = _locals_of(region.scope)
    tree = copy.deepcopy(ast.Module(region.statements, []))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = f"other_{node.id}"
        elif isinstance(node, ast.ExceptHandler) and node.name:
            node.name = f"other_{node.name}"
    body = ast.unparse(tree).replace("\n", "\n    ")
    return f"def {name}():\n    {body}\n"
