"use strict";
/* What a program does, as it comes from pykka.observer._web. No library, and nothing to build.

Invariants
  1. What a program says is text: it goes into textContent and into attributes, never into HTML.
  2. Rows are changed in place. An element belongs to one actor for as long as that is on the
     screen; what has changed of it is written into it, and only that. The focus is on the table,
     which says which of its rows is the active one. So selection, focus and scroll survive.
  3. Only rows that are on the screen have elements, however many there are.
  4. There is one drawing for each frame at most, of the last look; older ones are left out. */

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const REMEMBERED = 60; // values of a trend
const MOST_NEWS = 120;
const MOST_IN_GRAPH = 100;
const AGAIN_AFTER = 2000; // milliseconds until it is tried to connect again

const ACTOR_COLUMNS = {
  name: "Actor", state: "State", waiting: "Inbox", oldest: "Oldest", handled: "Handled",
  rate: "Rate/s", trend: "Trend", latency: "Latency", failures: "Failed", restarts: "Restarts",
  class: "Class",
};
const CLASS_COLUMNS = {
  class: "Class", actors: "Actors", waiting: "Inbox", fullest: "Fullest", oldest: "Oldest",
  busy: "Busy", handled: "Handled", rate: "Rate/s", trend: "Trend", latency: "Latency",
  failures: "Failed", timers: "Timers", down: "Down",
};
const TO_THE_LEFT = new Set(["name", "class", "state"]);
const SORTS = {
  tree: "tree", waiting: "inbox", handled: "handled", rate: "rate", oldest: "oldest",
  latency: "latency", restarts: "restarts", name: "name",
};
const TITLES = {
  waiting: "Messages in the inbox", fullest: "Messages in the fullest inbox",
  oldest: "How long the first message has been waiting", handled: "Messages handled",
  rate: "Messages handled a second", trend: "Rate over time",
  latency: "How long messages lay in the inbox, on average", failures: "Handlers that have raised",
  restarts: "How often its supervisor has started it again",
};

/* Keeping the token: from the link to this tab, and nowhere else. */

const token = (() => {
  const said = location.hash.slice(1);
  if (said) {
    sessionStorage.setItem("token", said);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
})();

let program = null; // what the program says of itself, and the number of this page
let look = null; // the last one
let shown = []; // the rows of the table, in their order
let columns = {};
let view = "actors";
let sort = "tree";
let wanted = ""; // what is looked for
let chosenClass = null;
let selected = null; // the key of the row that the cursor is on
let opened = null; // the key of the actor on the right
let actor = null; // what is known of that one
let isPaused = false;
let isTraced = false;
let isDrawing = false;
const folded = new Set();
const news = new Map();
let newsRead = 0;

/* Numbers and times. */

// By hand: what the browser has for it looks up the language each time, and takes milliseconds.
const number = (value) => (value === null || value === undefined ? ""
  : String(value).replace(/\B(?=(\d{3})+$)/g, ","));
const clock = (at) => {
  const date = new Date(at * 1000), pad = (n) => String(n).padStart(2, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
};
const seconds = (value) => {
  if (value === null || value === undefined) return "";
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  const whole = Math.floor(value), pad = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${pad(minutes % 60)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
};
const rate = (value) => (value === null || value === undefined ? ""
  : value >= 10 || value === 0 ? number(Math.round(value)) : value.toFixed(1));
const short = (name) => name.slice(name.lastIndexOf(".") + 1);
const keyOf = (row) => ("key" in row ? row.key : row.class);

/* What changes over time. */

class Trend {
  constructor() { this.values = []; }
  push(value) {
    this.values.push(value);
    if (this.values.length > REMEMBERED) this.values.shift();
  }
  get last() { return this.values.length ? this.values[this.values.length - 1] : null; }
  get points() {
    const most = Math.max(...this.values, 0) || 1, from = REMEMBERED - this.values.length;
    return this.values.map((value, index) =>
      `${(from + index) * 100 / (REMEMBERED - 1)},${(19 - 18 * (value || 0) / most).toFixed(1)}`,
    ).join(" ");
  }
}

let trends = new Map(); // of each row, and of the whole under the key "all"
let whole = { waiting: new Trend(), cpu: new Trend() };
let before = { at: null, counts: new Map(), uptime: null, cpu: null };

function noteTrends() {
  if (before.uptime !== null && look.uptime > before.uptime) {
    whole.cpu.push(Math.max(0, (look.cpu - before.cpu) / (look.uptime - before.uptime)));
  }
  before.uptime = look.uptime;
  before.cpu = look.cpu;
  whole.waiting.push(look.waiting);
  // Of many actors, the counts are those of the last time that all of them were looked at.
  const at = look.age === null ? null : look.uptime - look.age;
  if (at === null || (before.at !== null && at <= before.at + 0.001)) return;
  const elapsed = before.at === null ? null : at - before.at;
  const counts = new Map(), kept = new Map();
  for (const row of [...look.rows, { key: "all", handled: look.handled, waited: look.waited, waiting: look.waiting }]) {
    const key = keyOf(row);
    const found = trends.get(key) || { rate: new Trend(), latency: new Trend(), waiting: new Trend() };
    kept.set(key, found);
    found.waiting.push(row.waiting || 0);
    if (row.handled === null) continue;
    const then = before.counts.get(key);
    if (then !== undefined && elapsed) {
      const handled = Math.max(0, row.handled - then.handled);
      found.rate.push(handled / elapsed);
      found.latency.push(handled ? Math.max(0, row.waited - then.waited) / handled : null);
    }
    counts.set(key, { handled: row.handled, waited: row.waited });
  }
  trends = kept;
  before.at = at;
  before.counts = counts;
}

const trendOf = (key, name) => {
  const found = trends.get(key);
  return found === undefined ? null : found[name];
};
const lastOf = (key, name) => {
  const found = trendOf(key, name);
  return found === null ? null : found.last;
};

/* Elements that are written into only if something has changed. */

function set(element, text) {
  if (element.shownText !== text) element.textContent = element.shownText = text;
}

function attribute(element, name, value) {
  const text = value === null || value === undefined ? null : String(value);
  if (element.getAttribute(name) === text) return;
  if (text === null) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) set(element, text);
  return element;
}

function makeSvg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  return element;
}

function makeSpark() {
  const spark = makeSvg("svg", { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" });
  spark.append(makeSvg("polyline"));
  return spark;
}

function drawSpark(spark, trend) {
  attribute(spark.firstChild, "points", trend === null || trend.values.length < 2 ? "" : trend.points);
}

/* Give a parent one child for each item, those that are there already if there is one of that key. */
function keep(parent, items, keyFrom, begin, fill) {
  const there = parent.kept || (parent.kept = new Map());
  const wantedKeys = new Set(items.map(keyFrom));
  for (const [key, element] of there) {
    if (!wantedKeys.has(key)) { element.remove(); there.delete(key); }
  }
  let at = parent.firstChild;
  for (const item of items) {
    const key = keyFrom(item);
    let element = there.get(key);
    if (element === undefined) there.set(key, element = begin(item));
    fill(element, item);
    if (element === at) at = at.nextSibling;
    else parent.insertBefore(element, at);
  }
}

/* The connection. */

const headers = { Authorization: `Bearer ${token}` };

async function listen() {
  for (;;) {
    let why = "The observer has ended. Run it again, and open its new link.";
    try {
      const answer = await fetch("looks", { headers, cache: "no-store" });
      if (answer.ok) why = (await take(answer.body)) || why;
      else why = await answer.text();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // of the network
    }
    program = null;
    say("gone", why);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER));
  }
}

async function take(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", why = null;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return why;
    rest += value;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const [event, data] = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const said = JSON.parse(data.slice("data: ".length));
      if (event === "event: look") arrive(said);
      else if (event === "event: program") greet(said);
      else if (event === "event: gone") why = `The program has ended, or cannot be reached: ${said.why}`;
    }
  }
}

function greet(said) {
  program = said;
  trends = new Map();
  whole = { waiting: new Trend(), cpu: new Trend() };
  before = { at: null, counts: new Map(), uptime: null, cpu: null };
  folded.clear();
  news.clear();
  newsRead = 0;
  closeActor();
  set($("program"), said.name);
  document.title = `${said.name} – Observer`;
  set($("about"), `process ${said.pid}, Pykka ${said.pykka}, Python ${said.python}`);
  for (const what of ["trace", "restart", "stop"]) $(what).hidden = !said.allow.includes(what);
  tell();
}

function arrive(said) {
  look = said;
  noteTrends();
  for (const each of look.news) news.set(each.number, each);
  while (news.size > MOST_NEWS) news.delete(news.keys().next().value);
  say(isPaused ? "paused" : "live", isPaused ? "Paused" : "Live");
  refresh();
}

function say(is, text) {
  attribute($("status"), "data-is", is);
  set($("status"), text);
}

async function ask(what, details) {
  if (program === null) return { error: "The program cannot be reached." };
  try {
    const answer = await fetch("ask", {
      method: "POST", headers, cache: "no-store",
      body: JSON.stringify({ page: program.page, do: what, ...details }),
    });
    return answer.headers.get("content-type").startsWith("application/json")
      ? await answer.json() : { error: await answer.text() };
  } catch (error) {
    return { error: "The observer cannot be reached." };
  }
}

/* Say what this page wants to see. */
const tell = () => ask("show", { class: chosenClass, paused: isPaused || document.hidden });

/* Drawing. */

function refresh() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    if (look !== null) draw();
  });
}

function draw() {
  if (view === "actors") drawActors();
  else if (view === "waits") drawWaits();
  else if (view === "log") drawNews();
  else drawThreads();
  drawTiles(); // after the table, which has to know how large it is
  drawBadges();
  if (opened !== null) { drawTrends(); learnActor(); }
}

function drawTiles() {
  const letters = look.systems.reduce((sum, system) => sum + system.dead_letters, 0);
  const all = trends.get("all");
  const tiles = [
    ["Actors", number(look.actors), look.progress < 1 && look.age === null ? `${Math.round(look.progress * 100)} %` : ""],
    ["In inboxes", number(look.waiting), "", whole.waiting],
    ["Handled / s", all && all.rate.last !== null ? rate(all.rate.last) : "–", "", all && all.rate],
    ["Latency", all && all.latency.last !== null ? seconds(all.latency.last) : "–", "", all && all.latency],
    ["Busy", number(look.busy), ""],
    ["Waiting", number(look.waits.length), look.waits.some((each) => each.circle) ? "circle" : "", null, look.waits.some((each) => each.circle)],
    ["Restarts", number(look.restarts), ""],
    ["Dead letters", number(letters), ""],
    ["Timers", number(look.timers), ""],
    ["Threads", number(look.threads), ""],
    ["Processor", whole.cpu.last === null ? "–" : `${Math.round(whole.cpu.last * 100)} %`, "", whole.cpu],
    ["Memory", look.memory === null ? "–" : number(Math.round(look.memory / 2 ** 20)), look.memory === null ? "" : "MiB"],
  ];
  keep($("tiles"), tiles, (tile) => tile[0], ([name, , , trend]) => {
    const tile = make("div", "tile");
    const value = make("dd");
    value.append(make("span"), " ", make("small"));
    tile.append(make("dt", "", name), value);
    if (trend !== undefined && trend !== null) tile.append(makeSpark());
    return tile;
  }, (tile, [, text, more, trend, isBad]) => {
    const value = tile.children[1];
    set(value.children[0], text);
    set(value.children[1], more);
    attribute(tile, "data-bad", isBad ? "true" : null);
    if (!trend) return;
    if (tile.children.length < 3) tile.append(makeSpark());
    drawSpark(tile.children[2], trend);
  });
}

function drawBadges() {
  const circle = look.waits.some((each) => each.circle);
  badge($("waits-badge"), look.waits.length, circle);
  const last = look.news.length ? look.news[look.news.length - 1].number : 0;
  if (view === "log") newsRead = last;
  const unread = [...news.keys()].filter((at) => at > newsRead).length;
  badge($("log-badge"), unread, false);
}

function badge(element, count, isBad) {
  element.hidden = !count;
  set(element, number(count));
  attribute(element, "data-bad", isBad ? "true" : null);
}

/* The table. */

const grid = $("grid"), rows = $("rows");
const elements = new Map(); // of the rows on the screen, by key
let free = []; // of rows that are there no more

function drawActors() {
  const isByClass = look.by === "class";
  const wantedColumns = isByClass ? CLASS_COLUMNS : ACTOR_COLUMNS;
  if (columns !== wantedColumns) beginTable(wantedColumns, isByClass);
  const isTree = sort === "tree" && !isByClass && chosenClass === null;
  shown = inOrder(isTree);
  attribute(grid, "aria-rowcount", shown.length + 1);
  $("all-classes").hidden = chosenClass === null;
  const how = isByClass ? "by class" : chosenClass !== null
    ? `${short(chosenClass)}: those with the fullest inboxes` : "";
  set($("how"), how);
  attribute($("how"), "title", chosenClass);
  $("nothing").hidden = shown.length > 0;
  set($("nothing"), wanted ? "Nothing has that in its name." : "There are no actors.");
  drawRows(isTree);
  for (const head of $("heads").children) {
    const isIt = head.dataset.column === sort;
    attribute(head, "aria-sort", !isIt ? null : sort === "name" ? "ascending" : "descending");
  }
  if (document.activeElement !== $("sort") && $("sort").value !== sort) $("sort").value = sort;
}

function beginTable(wantedColumns, isByClass) {
  columns = wantedColumns;
  grid.className = isByClass ? "by-class" : "by-actor";
  attribute(grid, "aria-label", isByClass ? "Classes of actors" : "Actors");
  elements.clear();
  free = [];
  rows.replaceChildren();
  $("heads").replaceChildren(...Object.entries(columns).map(([name, text]) => {
    const head = make("span", `cell ${name}${TO_THE_LEFT.has(name) ? " left" : ""}`);
    head.setAttribute("role", "columnheader");
    if (TITLES[name]) head.title = TITLES[name];
    if (name in SORTS) {
      head.dataset.column = name;
      const button = make("button", "", text);
      button.type = "button";
      button.tabIndex = -1;
      button.addEventListener("click", () => sortBy(sort === name ? "tree" : name));
      head.append(button);
    } else set(head, text);
    return head;
  }));
}

function inOrder(isTree) {
  let found = look.rows;
  if (wanted) {
    found = found.filter((row) => row.class.toLowerCase().includes(wanted)
      || (row.name || "").toLowerCase().includes(wanted));
  }
  if (isTree) return inTree(found);
  const column = sort === "tree" ? "waiting" : sort;
  if (column === "name") {
    const nameOf = (row) => row.name || row.class;
    return [...found].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  }
  const value = new Map(found.map((row) => [row, numberIn(row, column)]));
  return [...found].sort((one, other) => value.get(other) - value.get(one));
}

function numberIn(row, column) {
  const value = column === "rate" || column === "latency" ? lastOf(keyOf(row), column) : row[column];
  return value === null || value === undefined ? -1 : value;
}

function inTree(found) {
  const known = new Set(found.map((row) => row.key)), below = new Map();
  for (const row of found) {
    const parent = known.has(row.parent) ? row.parent : null;
    if (!below.has(parent)) below.set(parent, []);
    below.get(parent).push(row);
  }
  const ordered = [], stack = (below.get(null) || []).map((row) => [row, 0]).reverse();
  while (stack.length) { // no recursion: a tree may be a thousand actors deep
    const [row, depth] = stack.pop();
    row.depth = depth;
    row.children = (below.get(row.key) || []).length;
    ordered.push(row);
    if (row.children && !folded.has(row.key)) {
      for (const child of below.get(row.key).slice().reverse()) stack.push([child, depth + 1]);
    }
  }
  return ordered;
}

let height = 30, room = 0; // pixels: of a row, and of the table

function measure() {
  height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
  room = grid.clientHeight;
  refreshNow();
}

function drawRows(isTree) {
  const from = Math.max(0, Math.floor(grid.scrollTop / height) - 4);
  const until = Math.min(shown.length, from + Math.ceil(room / height) + 8);
  const tall = `${shown.length * height}px`;
  if (rows.style.height !== tall) rows.style.height = tall;
  const visible = new Map();
  for (let index = from; index < until; index++) visible.set(keyOf(shown[index]), index);
  for (const [key, element] of elements) {
    if (!visible.has(key)) { elements.delete(key); element.hidden = true; free.push(element); }
  }
  for (const [key, index] of visible) {
    let element = elements.get(key);
    if (element === undefined) {
      element = free.pop() || makeRow();
      element.hidden = false;
      elements.set(key, element);
      element.key = key;
      element.id = `row-${key}`;
    }
    const top = `translateY(${index * height}px)`;
    if (element.style.transform !== top) element.style.transform = top;
    attribute(element, "aria-rowindex", index + 2);
    fillRow(element, shown[index], isTree);
  }
  for (const each of free.splice(20)) each.remove();
  attribute(grid, "aria-activedescendant", elements.has(selected) ? `row-${selected}` : null);
}

function makeRow() {
  const row = make("div", "row");
  row.setAttribute("role", "row");
  for (const name of Object.keys(columns)) {
    const cell = make("span", `cell ${name}${TO_THE_LEFT.has(name) ? " left" : ""}`);
    cell.setAttribute("role", "gridcell");
    if (name === "trend") cell.append(makeSpark());
    if (name === "name") cell.append(make("span", "twisty"), make("span"));
    row.append(cell);
  }
  rows.append(row);
  return row;
}

function fillRow(element, row, isTree) {
  const key = keyOf(row);
  attribute(element, "aria-selected", key === selected ? "true" : "false");
  attribute(element, "aria-level", isTree ? row.depth + 1 : null);
  attribute(element, "aria-expanded", isTree && row.children ? !folded.has(key) : null);
  Object.keys(columns).forEach((name, index) => {
    const cell = element.children[index];
    if (name === "trend") drawSpark(cell.firstChild, trendOf(key, "rate"));
    else if (name === "name") {
      const depth = isTree ? Math.min(row.depth, 20) : 0;
      if (cell.style.getPropertyValue("--depth") !== String(depth)) cell.style.setProperty("--depth", depth);
      attribute(cell.children[0], "hidden", isTree ? null : "");
      set(cell.children[1], row.name);
      attribute(cell, "title", row.name);
    } else set(cell, textOf(row, key, name));
    if (name === "state") attribute(cell, "data-state", row.state);
    if (name === "class") attribute(cell, "title", row.class);
    if (name === "failures" || name === "down") attribute(cell, "data-bad", row[name] > 0 ? "true" : null);
    if (name === "restarts") attribute(cell, "data-warn", row[name] > 0 ? "true" : null);
  });
}

function textOf(row, key, name) {
  if (name === "rate") return rate(lastOf(key, "rate"));
  if (name === "latency" || name === "oldest") return seconds(name === "oldest" ? row.oldest : lastOf(key, "latency"));
  if (name === "waiting" && row.waiting === null) return "?";
  if (name === "class") return look.by === "class" ? row.class : short(row.class);
  return typeof row[name] === "number" ? number(row[name]) : row[name] || "";
}

/* Moving about. */

function indexOfSelected() { return shown.findIndex((row) => keyOf(row) === selected); }

function select(index) {
  if (!shown.length) return;
  const at = Math.max(0, Math.min(index, shown.length - 1));
  selected = keyOf(shown[at]);
  const top = at * height, below = room - height - 1; // below the heads
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + height > grid.scrollTop + below) grid.scrollTop = top + height - below;
  refreshNow();
}

/* What a person does is shown at once, though nothing new has come. */
function refreshNow() { if (look !== null && view === "actors") drawActors(); }

function enter(key) {
  const row = shown.find((each) => keyOf(each) === key);
  if (row === undefined) return;
  selected = key;
  if (look.by === "class") {
    chosenClass = row.class;
    selected = null;
    grid.scrollTop = 0;
    tell();
  } else openActor(row.key, row.name);
  refreshNow();
}

function fold(key, isFolded) {
  if (isFolded) folded.add(key); else folded.delete(key);
  refreshNow();
}

function sortBy(column) {
  sort = column in SORTS ? column : "tree";
  refreshNow();
}

function back() {
  if (opened !== null) closeActor(true);
  else if (wanted) { $("find").value = wanted = ""; refreshNow(); }
  else if (chosenClass !== null) { chosenClass = null; selected = null; tell(); }
}

const MOVES = {
  ArrowDown: () => select(indexOfSelected() + 1),
  ArrowUp: () => select(Math.max(0, indexOfSelected() - 1)),
  PageDown: () => select(Math.max(0, indexOfSelected()) + Math.max(1, Math.floor(room / height) - 2)),
  PageUp: () => select(indexOfSelected() - Math.max(1, Math.floor(room / height) - 2)),
  Home: () => select(0),
  End: () => select(shown.length - 1),
  Enter: () => enter(selected),
  ArrowLeft: () => {
    const row = shown[indexOfSelected()];
    if (!row) return;
    if (row.children && !folded.has(row.key)) fold(row.key, true);
    else select(Math.max(0, shown.findIndex((each) => each.key === row.parent)));
  },
  ArrowRight: () => {
    const row = shown[indexOfSelected()];
    if (row && row.children) fold(row.key, false);
  },
};

grid.addEventListener("keydown", (event) => {
  if (event.target !== grid || event.ctrlKey || event.metaKey || event.altKey) return;
  const move = MOVES[event.key];
  if (move !== undefined) { event.preventDefault(); move(); }
});
grid.addEventListener("scroll", refresh, { passive: true });
rows.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row === null) return;
  if (event.target.className === "twisty" && row.hasAttribute("aria-expanded")) {
    fold(row.key, row.getAttribute("aria-expanded") === "true");
  } else {
    grid.focus({ preventScroll: true });
    enter(row.key);
  }
});
new ResizeObserver(measure).observe(grid);

/* Who waits for whom. */

const HIGH = 34, GAP_Y = 18;
let graphOf = "", waitsOf = "";

function drawWaits() {
  const edges = look.waits, circle = edges.filter((each) => each.circle);
  $("no-waits").hidden = edges.length > 0;
  $("circle").hidden = circle.length === 0;
  set($("circle"), circle.length ? `A circle: ${circle.map((each) => each.from_name).join(", ")} wait for each other, so none of them can go on.` : "");
  const now = JSON.stringify(edges);
  if (now !== graphOf) {
    graphOf = now;
    $("graph").replaceChildren(...(edges.length ? [graph(edges)] : []));
  }
  learnWaits(edges, now);
}

/* Each actor waits for one other at most. So what hangs together is a tree, whose root waits for no
   actor, or a circle with trees. Trees are drawn from left to right, a circle from top to bottom. */
function graph(edges) {
  const isNarrow = $("view-waits").clientWidth < 600;
  const WIDE = isNarrow ? 112 : 168, GAP_X = isNarrow ? 34 : 84, LONGEST = isNarrow ? 12 : 20;
  const next = new Map(), names = new Map(), waiting = new Map(), inCircle = new Set();
  const drawn = edges.length > MOST_IN_GRAPH
    ? [...edges].sort((one, other) => other.circle - one.circle).slice(0, MOST_IN_GRAPH) : edges;
  for (const each of drawn) {
    next.set(each.from, each.to);
    names.set(each.from, each.from_name).set(each.to, each.to_name);
    if (each.circle) inCircle.add(each.from);
    else waiting.set(each.to, [...(waiting.get(each.to) || []), each.from]);
  }
  const column = new Map(), line = new Map(), group = new Map(), deepest = new Map();
  let free = 0;
  const place = (root, whole) => { // the waiting ones first, so that one stands in the middle of them
    const stack = [[root, 0, false]];
    while (stack.length) {
      const [key, depth, isPlaced] = stack.pop();
      const those = waiting.get(key) || [];
      if (!isPlaced) {
        column.set(key, depth);
        group.set(key, whole);
        deepest.set(whole, Math.max(depth, deepest.get(whole) || 0));
        stack.push([key, depth, true], ...those.map((each) => [each, depth + 1, false]).reverse());
      } else {
        line.set(key, those.length ? (line.get(those[0]) + line.get(those[those.length - 1])) / 2 : free++);
      }
    }
  };
  const seen = new Set();
  for (const start of inCircle) {
    for (let at = start; inCircle.has(at) && !seen.has(at); at = next.get(at)) { seen.add(at); place(at, start); }
  }
  for (const key of names.keys()) if (!next.has(key)) place(key, key);
  const x = (key) => 8 + (deepest.get(group.get(key)) - column.get(key)) * (WIDE + GAP_X);
  const y = (key) => 8 + line.get(key) * (HIGH + GAP_Y);
  const right = [...names.keys()].map((key) => x(key) + WIDE + (inCircle.has(key) ? 70 : 0));
  const width = Math.max(...right) + 10;
  const height = 16 + free * (HIGH + GAP_Y) - GAP_Y;
  const words = drawn.map((each) => `${each.from_name} waits for ${each.to_name}`).join("; ");
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": words });
  const ends = makeSvg("defs");
  for (const name of ["plain", "circle"]) {
    const marker = makeSvg("marker", { id: `arrow-${name}`, class: name, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" });
    marker.append(makeSvg("path", { d: "M0 0L8 4L0 8z" }));
    ends.append(marker);
  }
  svg.append(ends);
  for (const each of drawn) {
    const [ax, ay, bx, by] = [x(each.from), y(each.from) + HIGH / 2, x(each.to), y(each.to) + HIGH / 2];
    let d = `M${ax + WIDE} ${ay}C${ax + WIDE + GAP_X / 2} ${ay} ${bx - GAP_X / 2} ${by} ${bx - 2} ${by}`;
    if (each.circle) {
      const isDown = by > ay && line.get(each.to) - line.get(each.from) <= 1;
      const bulge = Math.min(90, 40 + Math.abs(by - ay) / 4);
      d = isDown ? `M${ax + WIDE / 2} ${ay + HIGH / 2}L${bx + WIDE / 2} ${by - HIGH / 2 - 2}`
        : `M${ax + WIDE} ${ay}C${ax + WIDE + bulge} ${ay} ${bx + WIDE + bulge} ${by} ${bx + WIDE + 2} ${by}`;
    }
    const name = each.circle ? "circle" : "plain";
    svg.append(makeSvg("path", { class: name, d, "marker-end": `url(#arrow-${name})` }));
  }
  for (const [key, name] of names) {
    const is = inCircle.has(key) ? "circle" : next.has(key) ? "waits" : "end";
    const node = makeSvg("g", { class: is, role: "button", tabindex: 0, transform: `translate(${x(key)} ${y(key)})` });
    const text = makeSvg("text", { x: WIDE / 2, y: HIGH / 2 }), title = makeSvg("title");
    text.textContent = name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
    title.textContent = name;
    node.append(title, makeSvg("rect", { width: WIDE, height: HIGH, rx: 8 }), text);
    node.addEventListener("click", () => openActor(key, name));
    node.addEventListener("keydown", (event) => { if (event.key === "Enter") openActor(key, name); });
    svg.append(node);
  }
  return svg;
}

/* Where they wait takes the program a moment, so it is asked for only if the graph has changed. */
async function learnWaits(edges, now) {
  if (now === waitsOf) return;
  waitsOf = now;
  const answer = edges.length ? await ask("waits", { keys: edges.map((each) => each.from).slice(0, MOST_IN_GRAPH) }) : { ok: { waiting: [] } };
  const found = answer.ok ? answer.ok.waiting : [];
  const circle = new Set(edges.filter((each) => each.circle).map((each) => each.from_name));
  $("waits-head").hidden = !found.length;
  keep($("waits"), found.map((each, index) => [index, each]), ([index]) => index, () => {
    const item = make("li"), line = make("span");
    line.append(make("b"), " waits for ", make("b"));
    item.append(line, make("small"));
    return item;
  }, (item, [, each]) => {
    set(item.firstChild.children[0], each.from);
    set(item.firstChild.children[1], each.to);
    attribute(item, "class", circle.has(each.from) ? "circle" : null);
    const where = each.filename === null ? "" : `${each.filename}, line ${each.line}, in ${each.function}`;
    const doing = each.message === null ? "" : `while it handles ${each.message}`;
    set(item.children[1], [doing, where, each.thread === null ? "" : `on thread ${each.thread}`].filter(Boolean).join("; "));
  });
}

/* The log, and the threads. */

function drawNews() {
  $("no-news").hidden = news.size > 0;
  keep($("news"), [...news.values()].reverse(), (each) => each.number, (each) => {
    const item = make("li"), kind = (each.kind || "").replace("builtins.", "");
    item.dataset.what = each.what;
    const text = each.what === "dead letter" ? `${kind} to ${each.actor}${each.why ? `: ${each.why}` : ""}`
      : `${each.actor}${kind ? ` with ${kind}` : ""}`;
    item.append(make("time", "", clock(each.at)), make("b", "", each.what), make("span", "", text));
    return item;
  }, () => {});
}

function drawThreads() {
  $("no-dispatchers").hidden = look.dispatchers.length > 0;
  keep($("dispatchers"), look.dispatchers, (each) => each.name, (each) => {
    const item = make("li"), meter = make("div", "meter");
    meter.append(make("i", "working"), make("i", "blocked"), make("i", "idle"));
    item.append(make("b", "", each.name), meter, make("small"));
    return item;
  }, (item, each) => {
    const busy = Math.max(0, each.threads - each.idle - each.blocked);
    [busy, each.blocked, each.idle].forEach((count, index) => {
      item.children[1].children[index].style.width = `${100 * count / Math.max(1, each.threads)}%`;
    });
    set(item.children[2], `${each.threads} of at most ${each.max_threads} threads: ${busy} at work, ${each.blocked} blocked, ${each.idle} idle. ${number(each.ready)} actors ready.`);
  });
  keep($("systems"), look.systems, (each) => each.name, (each) => {
    const item = make("li");
    item.append(make("b", "", each.name), make("small"));
    return item;
  }, (item, each) => set(item.children[1], `${number(each.actors)} actors, ${number(each.dead_letters)} dead letters`));
}

/* One actor. */

let asksActor = false, askedAt = 0;

function openActor(key, name) {
  if (opened !== key) {
    if (opened !== null && isTraced) ask("untrace", { key: opened });
    opened = key;
    actor = null;
    isTraced = false;
    askedAt = 0;
    note("");
    for (const id of ["actor-facts", "actor-state", "actor-messages", "actor-handles", "actor-trends"]) {
      $(id).replaceChildren();
      $(id).kept = null;
    }
    $("state-part").hidden = $("messages-part").hidden = true;
    attribute($("trace"), "aria-pressed", "false");
  }
  set($("actor-name"), name);
  $("actor").hidden = false;
  drawTrends();
  learnActor();
  if (matchMedia("(max-width: 900px)").matches) $("actor").focus();
}

function closeActor(isByPerson) {
  if (opened !== null && isTraced) ask("untrace", { key: opened });
  opened = actor = null;
  $("actor").hidden = true;
  if (isByPerson && view === "actors") grid.focus({ preventScroll: true });
}

function note(text) {
  $("actor-note").hidden = !text;
  set($("actor-note"), text);
}

async function learnActor() {
  if (asksActor || performance.now() - askedAt < 900) return;
  const key = opened;
  asksActor = true;
  askedAt = performance.now();
  const answer = await ask("actor", { key });
  const messages = isTraced ? await ask("messages", { key }) : null;
  asksActor = false;
  if (key !== opened) return;
  if (answer.error) { note(answer.error); return; }
  actor = answer.ok;
  drawActor();
  if (messages !== null && messages.ok) drawMessages(messages.ok.messages || []);
}

function pairs(list, found) {
  keep(list, found, (each) => each[0], (each) => {
    const pair = make("div");
    pair.append(make("dt", "", each[0]), make("dd"));
    return pair;
  }, (pair, each) => {
    set(pair.children[1], each[1]);
    if (each[0] === "State") pair.children[1].className = "dot";
    if (each[0] === "State") attribute(pair.children[1], "data-state", each[1]);
  });
}

function drawActor() {
  set($("actor-name"), actor.name);
  set($("actor-class"), actor.class);
  const counts = actor.statistics;
  const facts = [
    ["State", actor.state], ["Handling", actor.handling], ["At", actor.place],
    ["Parent", actor.parent], ["Children", actor.children.join(", ")],
    ["Inbox", number(counts.waiting)], ["Set aside", counts.stashed ? number(counts.stashed) : ""],
    ["Oldest", seconds(counts.oldest)], ["Handled", number(counts.handled)],
    ["Failed", number(counts.failures)], ["Cancelled", counts.cancelled ? number(counts.cancelled) : ""],
    ["Expired", counts.expired ? number(counts.expired) : ""],
    ["Timers", actor.timers ? number(actor.timers) : ""],
    ["Runs in", actor.runtime], ["System", actor.system], ["URN", actor.urn],
  ].filter((each) => each[1] !== null && each[1] !== "" && each[1] !== undefined);
  pairs($("actor-facts"), facts);
  $("restart").disabled = !actor.is_supervised;
  keep($("actor-handles"), actor.handles, (each) => each, (each) => make("li", "", each), () => {});
}

function drawTrends() {
  const found = [
    ["In inbox", "waiting", number], ["Handled / s", "rate", rate], ["Latency", "latency", seconds],
  ].filter(([, name]) => trendOf(opened, name) !== null && trendOf(opened, name).values.length);
  keep($("actor-trends"), found, (each) => each[0], (each) => {
    const part = make("div");
    part.append(make("small", "", each[0]), make("b"), makeSpark());
    return part;
  }, (part, [, name, text]) => {
    set(part.children[1], text(lastOf(opened, name)) || "–");
    drawSpark(part.children[2], trendOf(opened, name));
  });
}

function drawMessages(found) {
  $("messages-part").hidden = false;
  keep($("actor-messages"), found.map((each, index) => [found.length - index, each]).reverse(), (each) => each[0], () => {
    const item = make("li");
    item.append(make("small"), make("span"));
    return item;
  }, (item, [, each]) => {
    item.dataset.outcome = each.outcome;
    set(item.children[0], each.seconds === null ? "" : seconds(each.seconds));
    set(item.children[1], `${each.message}: ${each.outcome}${each.detail === null ? "" : ` ${each.detail}`}`);
  });
}

async function getState() {
  const key = opened;
  const answer = await ask("state", { key });
  if (key !== opened) return;
  note(answer.error || "");
  if (answer.error) return;
  $("state-part").hidden = false;
  pairs($("actor-state"), Object.entries(answer.ok.attributes));
}

async function trace() {
  const key = opened, answer = await ask(isTraced ? "untrace" : "trace", { key });
  if (key !== opened) return;
  note(answer.error || "");
  if (answer.error) return;
  isTraced = !isTraced;
  attribute($("trace"), "aria-pressed", isTraced);
  $("messages-part").hidden = !isTraced;
  if (isTraced) drawMessages([]);
  askedAt = 0;
}

let question = null;

function makeSure(what, word, done) {
  question = { what, done, key: opened };
  set($("sure-text"), `${word} ${$("actor-name").textContent}?`);
  $("sure").returnValue = "no";
  $("sure").showModal();
}

$("sure").addEventListener("close", async () => {
  // This comes late: the dialog may have been opened once more meanwhile, and not be answered yet.
  if (question === null || $("sure").open) return;
  const { what, done, key } = question;
  question = null;
  if ($("sure").returnValue !== "yes") return;
  const answer = await ask(what, { key });
  if (key === opened) note(answer.error || done);
  askedAt = 0;
});

const ACTIONS = {
  s: ["get-state", getState],
  T: ["trace", trace],
  R: ["restart", () => makeSure("restart", "Restart", "It was told to fail, so that it is restarted.")],
  K: ["stop", () => makeSure("stop", "Stop", "It was told to stop.")],
};

/* Views and keys. */

function show(name) {
  view = name;
  for (const each of ["actors", "waits", "log", "threads"]) {
    $(`view-${each}`).hidden = each !== name;
    attribute($(`tab-${each}`), "aria-selected", each === name ? "true" : "false");
    $(`tab-${each}`).tabIndex = each === name ? 0 : -1;
  }
  $("choice").hidden = name !== "actors";
  if (name !== "actors") { columns = {}; rows.replaceChildren(); elements.clear(); free = []; }
  if (name !== "log") { $("news").replaceChildren(); $("news").kept = null; }
  if (name !== "waits") { $("graph").replaceChildren(); graphOf = ""; }
  if (look !== null) draw();
}

function pause() {
  isPaused = !isPaused;
  attribute($("pause"), "aria-pressed", isPaused);
  set($("pause"), isPaused ? "Go on" : "Pause");
  if (program !== null) say(isPaused ? "paused" : "live", isPaused ? "Paused" : "Live");
  tell();
}

const isDark = () => document.documentElement.dataset.theme === "dark"
  || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);

function changeTheme(isChange) {
  if (isChange) document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  set($("theme"), isDark() ? "Light" : "Dark");
}

function nextSort() {
  const names = Object.keys(SORTS);
  sortBy(names[(names.indexOf(sort) + 1) % names.length]);
}

const KEYS = {
  "/": () => { show("actors"); $("find").focus(); $("find").select(); },
  "?": () => $("help-text").showModal(),
  ">": nextSort,
  t: () => sortBy("tree"),
  a: () => { show("actors"); grid.focus({ preventScroll: true }); },
  w: () => show("waits"),
  l: () => show("log"),
  h: () => show("threads"),
  p: pause,
  d: () => changeTheme(true),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (event.target === $("find")) grid.focus({ preventScroll: true });
    back();
    return;
  }
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  const action = opened === null ? undefined : ACTIONS[event.key];
  if (action !== undefined && !$(action[0]).hidden && !$(action[0]).disabled) {
    event.preventDefault();
    action[1]();
  } else if (KEYS[event.key] !== undefined) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

const TABS = ["actors", "waits", "log", "threads"];
for (const name of TABS) {
  $(`tab-${name}`).addEventListener("click", () => show(name));
  $(`tab-${name}`).addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = TABS[(TABS.indexOf(name) + step + TABS.length) % TABS.length];
    show(next);
    $(`tab-${next}`).focus();
  });
}
for (const [id, run] of Object.values(ACTIONS)) $(id).addEventListener("click", run);
$("pause").addEventListener("click", pause);
$("theme").addEventListener("click", () => changeTheme(true));
$("help").addEventListener("click", () => $("help-text").showModal());
$("close-actor").addEventListener("click", () => closeActor(true));
$("all-classes").addEventListener("click", () => { chosenClass = null; selected = null; tell(); grid.focus(); });
$("sort").append(...Object.entries(SORTS).map(([value, text]) => new Option(text, value)));
$("sort").addEventListener("change", () => sortBy($("sort").value));
$("find").addEventListener("input", () => { wanted = $("find").value.trim().toLowerCase(); refreshNow(); });
$("find").addEventListener("keydown", (event) => {
  if (event.key === "Enter") grid.focus({ preventScroll: true });
});
document.addEventListener("visibilitychange", tell);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => changeTheme(false));
changeTheme(false);
if (token) listen();
else say("gone", "Open the link that `python -m pykka observe --web` has printed.");
