"""What a program does, in the terminal; needs textual (extra `observer`).

Keys are those of htop and of Erlang's observer_cli where these have one.

Invariants
    1. *Rows are changed in place.* A row is known by the number of its actor. What has changed of
       it is written into its cells; only rows of actors that have come or gone are added or
       removed. After a change of the order, the cursor is put back on the actor that it was on. So
       selection, focus and scroll survive all looks.
    2. *The screen waits for no program.* Threads ask: one for the looks, another for what a person
       wants to know. Each has a connection of its own.
    3. *Nothing a program says is markup.* It is put into `Text`, as it is.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Footer, Input, Static

from pykka.observer import _text
from pykka.observer._addresses import ObserverError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

    from pykka.observer._client import Client

NARROW, MIDDLE = 60, 96
"""With fewer columns than that, the terminal shows less of each actor."""

FEWEST = ("name", "state", "waiting", "restarts")
FEW = ("name", "state", "waiting", "oldest", "handled", "rate", "failures", "restarts")
FEWEST_OF_CLASSES = ("class", "actors", "waiting", "busy")
FEW_OF_CLASSES = ("class", "actors", "waiting", "fullest", "oldest", "busy", "handled", "rate")

SORTS = {
    "waiting": "inbox",
    "handled": "handled",
    "rate": "rate",
    "oldest": "oldest",
    "latency": "latency",
    "name": "name",
}
"""What rows can be sorted by, besides the tree: columns, and what they are called."""

COLOURS = {
    "busy": "green",
    "waiting": "yellow",
    "down": "red",
    "ending": "magenta",
    "ended": "magenta",
}


class RowCell(Text):
    """What stands in a cell of a table, and of which row it is."""

    key: str = ""
    """The key of the row."""


class Actors(DataTable[RowCell]):
    """The table, in which Home and End lead to the first and the last row, as in htop."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
    ]


class Asker(threading.Thread):
    """Asks a program, on a thread and a connection of its own.

    Args:
        connect: Makes the connection.
        name: What the thread is called.
    """

    def __init__(self, connect: Callable[[], Client], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._connect = connect
        self._wanted: SimpleQueue[Callable[[Client], object] | None] = SimpleQueue()

    def want(self, function: Callable[[Client], object]) -> None:
        """Have a function called there, with the connection."""
        self._wanted.put(function)

    def finish(self) -> None:
        """End the thread, after what it is at."""
        self._wanted.put(None)

    def run(self) -> None:
        """Serve those who want something."""
        client: Client | None = None
        try:
            while (function := self._wanted.get()) is not None:
                try:
                    if client is None:
                        client = self._connect()
                    function(client)
                except ObserverError:  # the looks tell that the program has gone
                    if client is not None:
                        client.close()
                    client = None
        finally:
            if client is not None:
                client.close()


class FoundOut(Message):
    """Something was found out on another thread.

    Args:
        function: What is called with it, on the thread of the screen.
        *args: What that is.
    """

    def __init__(self, function: Callable[..., object], *args: Any) -> None:
        super().__init__()
        self.function = function
        self.args = args


class Question(ModalScreen[bool]):
    """Asks whether something is meant."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "dismiss(True)", "Yes"),
        ("n,escape", "dismiss(False)", "No"),
    ]
    CSS = """
    Question { align: center middle; }
    Question Static {
        width: auto; max-width: 90%; padding: 1 3; border: round $error; background: $surface;
    }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Make the box."""
        yield Static(Text(f"{self._text}  y / n"))


class Help(ModalScreen[None]):
    """Says which key does what."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,f1,question_mark,enter", "dismiss", "Back")
    ]
    CSS = """
    Help { align: center middle; }
    Help Static {
        width: auto; max-width: 100%; padding: 0 1; border: round $accent; background: $surface;
    }
    """
    TEXT = """\
Arrows    move; so do PgUp, PgDn, Home, End
Enter     one actor; of a class, its actors
Esc       back
F3  /     find by name or class
F5  t     as a tree
F6  >     sort: inbox, handled, rate, oldest, latency, name
w         who waits for whom
l         failures, restarts, dead letters
p         pause, and go on
d         dark or light
F10 q     end

Of one actor, if the program allows it:
s         its attributes (always allowed)
T         trace its messages, or leave off
K         stop it
R         restart it"""

    def compose(self) -> ComposeResult:
        """Make the box."""
        yield Static(Text(self.TEXT))


class Lines(Screen[None]):
    """Some lines of text, which change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q", "dismiss", "Back"),
        Binding("f1,question_mark", "app.help", "Help"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield Static(Text(self._title, style="bold"), id="title")
        with VerticalScroll(can_focus=True):
            yield Static(id="lines")
        yield Footer()

    def tell(self, function: Callable[..., object], *args: Any) -> None:
        """Have something done on the screen's thread; by another one."""
        self.post_message(FoundOut(function, *args))

    def on_found_out(self, done: FoundOut) -> None:
        """Do it."""
        done.stop()
        if self.is_mounted:
            done.function(*done.args)

    def show(self, lines: list[tuple[str, str]]) -> None:
        """Show other lines, each with its style."""
        text = Text()
        for line, style in lines:
            text.append(f"{line}\n", style)
        for each in self.query("#lines").results(Static):  # none, before the first refresh
            each.update(text)

    def look(self, _look: dict[str, Any]) -> None:
        """Show what a look has found."""


class Waits(Lines):
    """Who waits for whom."""

    def look(self, look: dict[str, Any]) -> None:
        edges = look["waits"]
        lines = [
            (line, "bold red" if each["circle"] else "")
            for line, each in zip(_text.lines_of_waits(edges), edges, strict=True)
        ]
        self.show(lines or [("No actor waits for another one, without a timeout.", "dim")])


class News(Lines):
    """Dead letters, failures and restarts."""

    STYLES: ClassVar[dict[str, str]] = {
        "failed": "red",
        "gave up": "bold red",
        "dead letter": "yellow",
    }

    def look(self, look: dict[str, Any]) -> None:
        found = look["news"][::-1]
        lines = [
            (line, self.STYLES.get(each["what"], ""))
            for line, each in zip(_text.lines_of_news(found), found, strict=True)
        ]
        self.show(lines or [("Nothing so far, since you look.", "dim")])


class ActorPage(Lines):
    """One actor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("s", "state", "Attributes"),
        ("T", "trace", "Trace"),
        ("K", "stop", "Stop"),
        ("R", "restart", "Restart"),
    ]

    def __init__(
        self, key: int, name: str, ask: Callable[[Callable[[Client], object]], object]
    ) -> None:
        super().__init__(name)
        self._key = key
        self._label = name
        self._ask = ask
        self._actor: dict[str, Any] = {}
        self._state: dict[str, str] | None = None
        self._messages: list[dict[str, Any]] | None = None
        self._note = ""
        self._is_asking = False

    def on_mount(self) -> None:
        """Ask for the first time."""
        self.look({})

    def look(self, _look: dict[str, Any]) -> None:
        if not self._is_asking:
            self._is_asking = True
            self._ask(self._find_out)

    def _find_out(self, client: Client) -> None:
        try:
            actor = client.ask("actor", key=self._key)
            messages = client.ask("messages", key=self._key)["messages"]
        except ObserverError as error:
            self.tell(self._learn, {}, None, str(error))
            if "gone" in str(error):
                raise
        else:
            self.tell(self._learn, actor, messages, "")

    def _learn(self, actor: dict[str, Any], messages: Any, note: str) -> None:
        self._is_asking = False
        self._actor = actor or self._actor
        self._messages = messages
        if note:
            self._note = note
        self.show(self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        actor = self._actor
        lines = [(self._note, "bold yellow")] if self._note else []
        if not actor:
            return lines
        for head, name in (
            ("Class", "class"),
            ("URN", "urn"),
            ("System", "system"),
            ("State", "state"),
            ("Runs in", "runtime"),
            ("Parent", "parent"),
            ("Handles", "handling"),
            ("At", "place"),
        ):
            if actor.get(name) is not None:
                lines.append((f"{head:<9} {actor[name]}", ""))
        counts = [
            f"{_text.number(value) if isinstance(value, int) else _text.seconds(value)} {name}"
            for name, value in actor["statistics"].items()
            if value is not None
        ]
        lines.append((f"{'Messages':<9} {', '.join(counts)}", ""))
        if actor["children"]:
            lines.append((f"{'Children':<9} {', '.join(actor['children'])}", ""))
        lines += [("", ""), ("It handles", "bold")]
        lines += [(f"  {each}", "") for each in actor["handles"]]
        if self._messages is not None:
            lines += [("", ""), ("Its last messages", "bold")]
            lines += [self._message(each) for each in reversed(self._messages)]
        if self._state is not None:
            lines += [("", ""), ("Its attributes, when asked", "bold")]
            lines += [(f"  {name} = {value}", "") for name, value in self._state.items()]
        return lines

    @staticmethod
    def _message(each: dict[str, Any]) -> tuple[str, str]:
        detail = "" if each["detail"] is None else f" {each['detail']}"
        took = "" if each["seconds"] is None else f"  ({_text.seconds(each['seconds'])})"
        style = "red" if each["outcome"] == "failed" else ""
        return f"  {each['message']}: {each['outcome']}{detail}{took}", style

    def _do(
        self, what: str, done: str, then: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        def ask(client: Client) -> None:
            try:
                found = client.ask(what, key=self._key)
            except ObserverError as error:
                self.tell(self._say, str(error))
            else:
                if then is not None:
                    self.tell(then, found)
                self.tell(self._say, done)

        self._ask(ask)

    def _say(self, note: str) -> None:
        self._note = note
        self.show(self._lines())

    def action_state(self) -> None:
        """Ask for the attributes."""
        self._do("state", "", self._learn_state)

    def _learn_state(self, found: dict[str, Any]) -> None:
        self._state = found["attributes"]

    def action_trace(self) -> None:
        """Begin to trace, or leave off."""
        if self._messages is None:
            self._do("trace", "Its messages are noted from now on.")
        else:
            self._do("untrace", "Its messages are not noted any more.")

    def action_stop(self) -> None:
        """Stop the actor, if that is meant."""
        self._make_sure("stop", "Stop", "It was told to stop.")

    def action_restart(self) -> None:
        """Restart the actor, if that is meant."""
        self._make_sure("restart", "Restart", "It was told to fail, so that it is restarted.")

    def _make_sure(self, what: str, word: str, done: str) -> None:
        def go_on(is_meant: bool | None) -> None:  # noqa: FBT001 (textual's signature)
            if is_meant:
                self._do(what, done)

        self.app.push_screen(  # pyright: ignore[reportUnknownMemberType]
            Question(f"{word} {self._label}?"), go_on
        )


class ObserverApp(App[None]):
    """The main screen: the head, and the table of actors.

    Args:
        connect: Connects to the program.
        every: Seconds between two looks.
    """

    TITLE = "pykka"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: auto; padding: 0 1; background: $panel; }
    #find { display: none; height: 1; border: none; }
    #find.shown { display: block; }
    DataTable { height: 1fr; }
    #title { height: 1; padding: 0 1; background: $primary; color: $text; }
    VerticalScroll { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "help", "Help"),
        Binding("f3,slash", "find", "Find"),
        Binding("f5,t", "tree", "Tree"),
        Binding("f6,greater_than_sign", "sort", "Sort"),
        Binding("w", "waits", "Waits"),
        Binding("l", "news", "Log"),
        Binding("p", "pause", "Pause"),
        Binding("d", "dark", "Dark"),
        Binding("f10,q", "quit", "Quit"),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self, connect: Callable[[], Client], *, every: float = 0.5) -> None:
        super().__init__()
        self._every = every
        self._looks = Asker(connect, "pykka-looks")
        self._questions = Asker(connect, "pykka-questions")
        self._has_ended = threading.Event()
        self._is_shown = threading.Event()
        """Whether the last look is on the screen, so that the next one is wanted."""
        self._program: dict[str, Any] = {}
        self._look: dict[str, Any] | None = None
        self._is_paused = False
        self._class: str | None = None
        """The class whose actors are shown, if they are shown by class."""
        self._sort: str | None = None
        """The column that rows are sorted by; `None` for the tree."""
        self._wanted = ""
        self._columns: tuple[str, ...] = ()
        self._shown: dict[str, list[str]] = {}
        """What stands in the cells, by the keys of the rows, in their order."""
        self._trends = _text.Trends()

    def compose(self) -> ComposeResult:
        """Make the screen."""
        yield Static(id="head")
        yield Input(placeholder="name or class", id="find")
        yield Actors(id="actors", cursor_type="row", zebra_stripes=True)
        yield Footer()

    @property
    def table(self) -> Actors:
        """The table of actors."""
        return self.screen_stack[0].query_one(Actors)

    def on_mount(self) -> None:
        """Begin to look."""
        self.table.focus()
        self._looks.start()
        self._questions.start()
        self._looks.want(self._keep_looking)

    def on_unmount(self) -> None:
        """Look no more."""
        self._has_ended.set()
        self._is_shown.set()
        self._looks.finish()
        self._questions.finish()

    def _keep_looking(self, client: Client) -> None:
        """Look again and again; on the thread for that."""
        self._program = client.program
        while not self._has_ended.is_set():
            if not self._is_paused:
                details = {} if self._class is None else {"class": self._class}
                try:
                    look = client.ask("look", **details)
                except ObserverError as error:
                    self.post_message(FoundOut(self._say_gone, str(error)))
                    return
                self._is_shown.clear()
                self.post_message(FoundOut(self.show, look))
                while not (self._is_shown.wait(self._every) or self._has_ended.is_set()):
                    pass  # a screen that is slow is not sent more than it can show
            self._has_ended.wait(self._every)

    def on_found_out(self, done: FoundOut) -> None:
        """Show what was found out, unless it is too late."""
        if not self._has_ended.is_set() and self.screen_stack[0].query("#head"):
            done.function(*done.args)
        self._is_shown.set()

    def _say_gone(self, why: str) -> None:
        head = self.screen_stack[0].query_one("#head", Static)
        head.update(Text(f"The program has ended, or cannot be reached: {why}", style="bold red"))

    # What is shown.

    def show(self, look: dict[str, Any]) -> None:
        """Show what a look has found."""
        self._look = look
        self._trends.note(look)
        self._show_head(look)
        self._show_rows(look)
        if isinstance(self.screen, Lines):
            self.screen.look(look)

    def _show_head(self, look: dict[str, Any]) -> None:
        lines = _text.summary(self._program, look)
        if look["waits"]:
            circle = any(each["circle"] for each in look["waits"])
            lines[1] += f", {len(look['waits'])} wait for others" + (" (a circle)" * circle)
        if self.size.width < MIDDLE:
            lines = lines[:3]
        trends = self._trends.in_words()
        if trends:
            lines.insert(2, trends)
        how = f"sorted by {SORTS[self._sort]}" if self._sort else "as a tree"
        if look["by"] == "class":
            how = "by class"
        elif self._class is not None:
            how = f"those of {self._class} with the fullest inboxes"
        if self._wanted:
            how += f", with {self._wanted!r}"
        text = Text("\n".join(lines[:1]), style="bold")
        text.append("\n" + "\n".join(lines[1:]), "not bold")
        text.append(f"\n{how}" + ("  PAUSED" if self._is_paused else ""), "not bold dim")
        self.screen_stack[0].query_one("#head", Static).update(text)

    def _choose_columns(self, by: str) -> tuple[str, ...]:
        width = self.size.width
        if by == "class":
            columns = _text.CLASS_COLUMNS
            few, fewest = FEW_OF_CLASSES, FEWEST_OF_CLASSES
        else:
            columns, few, fewest = _text.ACTOR_COLUMNS, FEW, FEWEST
        chosen = fewest if width < NARROW else few if width < MIDDLE else tuple(columns)
        return (by, *chosen)

    def _show_rows(self, look: dict[str, Any]) -> None:
        table = self.table
        columns = self._choose_columns(look["by"])
        if columns != self._columns:
            self._begin_table(columns)
        wanted = {_text.row_key(row): row for row in self._in_order(look)}
        at = self._key_at_cursor()
        for key in [key for key in self._shown if key not in wanted]:
            table.remove_row(key)
            del self._shown[key]
        for key, row in wanted.items():
            texts = [self._cell(row, key, name) for name in columns[1:]]
            shown = self._shown.get(key)
            if shown is None:
                self._shown[key] = texts
                cells = [_styled(key, *each) for each in zip(columns[1:], texts, strict=True)]
                table.add_row(*cells, key=key)
                continue
            for index, (name, text) in enumerate(zip(columns[1:], texts, strict=True)):
                if shown[index] != text:
                    shown[index] = text
                    table.update_cell(key, name, _styled(key, name, text), update_width=True)
        self._put_in_order(list(wanted), at)

    def _begin_table(self, columns: tuple[str, ...]) -> None:
        table = self.table
        table.clear(columns=True)
        self._columns = columns
        self._shown.clear()
        heads = _text.CLASS_COLUMNS if columns[0] == "class" else _text.ACTOR_COLUMNS
        for name in columns[1:]:
            side = "left" if name in _text.TO_THE_LEFT else "right"
            table.add_column(Text(heads[name], justify=side), key=name)  # type: ignore[arg-type]

    def _key_at_cursor(self) -> str | None:
        table = self.table
        if not table.is_valid_coordinate(table.cursor_coordinate):
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def _put_in_order(self, keys: list[str], at: str | None) -> None:
        """Sort the rows, unless they are in order, and leave the cursor on its actor."""
        table = self.table
        if [row.key.value for row in table.ordered_rows] == keys:
            return
        order = {key: index for index, key in enumerate(keys)}
        offset = table.scroll_offset
        table.sort(self._columns[1], key=lambda cell: order[cell.key])
        if at in order:
            table.move_cursor(row=order[at], scroll=False)
            table.scroll_to(offset.x, offset.y, animate=False)

    def _in_order(self, look: dict[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = look["rows"]
        if self._wanted:
            wanted = self._wanted.lower()
            rows = [
                row
                for row in rows
                if wanted in row["class"].lower() or wanted in row.get("name", "").lower()
            ]
        if look["by"] == "class" or self._class is not None:
            column = self._sort or "waiting"
        elif self._sort is None:
            known = {row["key"] for row in rows}
            return _text.in_tree(
                [row if row["parent"] in known else row | {"parent": None} for row in rows]
            )
        else:
            column = self._sort
        if column == "name":
            return sorted(rows, key=lambda row: row.get("name", row["class"]))
        return sorted(rows, key=lambda row: -self._number(row, column))

    def _number(self, row: dict[str, Any], column: str) -> float:
        found = self._trends.of(_text.row_key(row)) if column in _text.OVER_TIME else row
        value: float | None = found.get(column)
        return -1.0 if value is None else value

    def _cell(self, row: dict[str, Any], key: str, column: str) -> str:
        found = self._trends.of(key) if column in _text.OVER_TIME else row
        return _text.cell(found, column)

    # What a person does.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tell which keys mean something on this screen."""
        is_main = len(self.screen_stack) < 2  # noqa: PLR2004 (the main screen and another one)
        if action in {"find", "tree", "sort", "pause"} and not is_main:
            return False
        return super().check_action(action, parameters)

    def on_resize(self, _event: events.Resize) -> None:
        """Show more or fewer columns."""
        if self._look is not None:
            self.show(self._look)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show the actor, or the actors of the class."""
        look, key = self._look, event.row_key.value
        if look is None or key is None:
            return
        if look["by"] == "class":
            self._class = key
            return
        [row] = [row for row in look["rows"] if _text.row_key(row) == key] or [None]
        if row is not None:
            self.push_screen(ActorPage(row["key"], row["name"], self._questions.want))

    async def action_back(self) -> None:
        """Go back to what was shown before."""
        find = self.query_one("#find", Input)
        if find.has_class("shown"):
            find.value = ""
            find.remove_class("shown")
            self.table.focus()
        else:
            self._class = None

    def action_find(self) -> None:
        """Show where to type what is looked for."""
        find = self.query_one("#find", Input)
        find.add_class("shown")
        find.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what has that in its name."""
        self._wanted = event.value.strip()
        self._again()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Go back to the table, with what was found."""
        self.table.focus()

    def action_tree(self) -> None:
        """Show the tree."""
        self._sort = None
        self._again()

    def action_sort(self) -> None:
        """Sort by the next column."""
        names = [*SORTS]
        at = -1 if self._sort is None else names.index(self._sort)
        self._sort = names[(at + 1) % len(names)]
        self._again()

    def _again(self) -> None:
        if self._look is not None:
            self._show_head(self._look)
            self._show_rows(self._look)

    def action_waits(self) -> None:
        """Show who waits for whom."""
        self._open(Waits("Who waits for whom"))

    def action_news(self) -> None:
        """Show what has happened."""
        self._open(News("Failures, restarts and dead letters since you look"))

    def _open(self, screen: Lines) -> None:
        if isinstance(self.screen, Lines):
            self.pop_screen()
        look = self._look
        self.push_screen(screen)
        if look is not None:
            screen.call_after_refresh(screen.look, look)

    def action_help(self) -> None:
        """Say which key does what."""
        if not isinstance(self.screen, ModalScreen):
            self.push_screen(Help())

    def action_pause(self) -> None:
        """Look no more for a while, or again."""
        self._is_paused = not self._is_paused
        self._again()

    def action_dark(self) -> None:
        """Change from dark to light, and back."""
        self.theme = "textual-light" if self.theme == "textual-dark" else "textual-dark"


def _styled(key: str, column: str, text: str) -> RowCell:
    """A cell with its colour."""
    is_left = column in _text.TO_THE_LEFT
    style = ""
    if column == "state":
        style = COLOURS.get(text, "dim")
    elif column in {"failures", "down"} and text not in {"", "0"}:
        style = "red"
    elif column == "restarts" and text not in {"", "0"}:
        style = "yellow"
    cell = RowCell(text, style, justify="left" if is_left else "right", no_wrap=True)
    cell.key = key
    return cell
