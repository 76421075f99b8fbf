// The table: one page of what the service lists, and every change of it as it comes.
import { STATUS, TYPE, age, byId, clock, element, forward, isFinal, moment, percent, size } from "/format.js";
import { request } from "/session.js";

const PAGE = 50;
// A page that has grown this much by what was made since is asked for anew.
const MOST = 150;

export class Table {
  constructor(open) {
    this.open = open;
    this.known = new Map();
    this.rows = new Map();
    // Where each page up to this one begins, and where the next does.
    this.cursors = [""];
    this.next = null;
    this.asked = 0;
    this.pending = new Map();
    this.timer = null;
    this.words = [];
    this.#wire();
  }

  #wire() {
    const [search, status, type] = ["search", "status-filter", "type-filter"].map(byId);
    this.filter = { search, status, type };
    const given = new URLSearchParams(location.search);
    for (const [name, control] of Object.entries(this.filter)) control.value = given.get(name) ?? "";
    const refilter = () => {
      clearTimeout(this.typing);
      const query = this.#query();
      const url = new URL(location.href);
      for (const name of Object.keys(this.filter)) {
        if (query.has(name)) url.searchParams.set(name, query.get(name));
        else url.searchParams.delete(name);
      }
      history.replaceState(null, "", url);
      this.cursors = [""];
      this.load();
    };
    status.addEventListener("change", refilter);
    type.addEventListener("change", refilter);
    search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(refilter, 250);
    });
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      refilter();
    });
    byId("older").addEventListener("click", () => {
      this.cursors.push(this.next);
      this.load();
    });
    byId("newer").addEventListener("click", () => {
      this.cursors.pop();
      this.load();
    });
    byId("rows").addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) this.open(row.dataset.id);
    });
    setInterval(() => this.#ages(), 5000);
  }

  #query() {
    const query = new URLSearchParams();
    for (const [name, control] of Object.entries(this.filter)) {
      const value = control.value.trim();
      if (value) query.set(name, value);
    }
    return query;
  }

  // Asks for this page. An answer that a later question has overtaken is thrown away.
  async load() {
    const turn = ++this.asked;
    const query = this.#query();
    query.set("limit", PAGE);
    if (this.cursors.at(-1)) query.set("cursor", this.cursors.at(-1));
    try {
      const { items, nextCursor } = await request(`/api/v1/artifacts?${query}`);
      if (turn !== this.asked) return;
      byId("list-error").textContent = "";
      this.next = nextCursor;
      this.known = new Map(items.map((item) => [item.id, forward(this.known.get(item.id), item)]));
      this.#draw();
    } catch (failure) {
      if (turn === this.asked && failure.status !== 401) byId("list-error").textContent = failure.message;
    }
  }

  clear() {
    this.asked += 1;
    this.known.clear();
    this.pending.clear();
    this.cursors = [""];
    this.next = null;
    this.#draw();
    byId("empty").hidden = true;
  }

  // Changes that come in a burst are drawn together.
  changed(artifact) {
    this.pending.set(artifact.id, forward(this.pending.get(artifact.id), artifact));
    this.timer ??= setTimeout(() => this.#apply(), 100);
  }

  deleted(id) {
    this.pending.delete(id);
    if (this.known.delete(id)) this.#draw();
  }

  #apply() {
    this.timer = null;
    for (const told of this.pending.values()) {
      const before = this.known.get(told.id);
      const now = forward(before, told);
      if (before ? before.status !== now.status : isFinal(now)) this.#say(`${now.name}: ${STATUS[now.status]}`);
      const focused = this.rows.get(told.id)?.contains(document.activeElement);
      if (!this.#belongs(now, before) && !focused) this.known.delete(told.id);
      else this.known.set(told.id, now);
    }
    this.pending.clear();
    this.#draw();
    if (this.known.size > MOST) this.load();
  }

  #belongs(artifact, before) {
    const { search, status, type } = this.filter;
    const part = search.value.trim().toLowerCase();
    const fits = (!status.value || artifact.status === status.value)
      && (!type.value || artifact.type === type.value)
      && artifact.name.toLowerCase().includes(part);
    if (!fits || before) return fits;
    // What is new to us is on this page only if nothing before it could be on another.
    const oldest = [...this.known.values()].reduce((least, one) => (newer(least, one) < 0 ? one : least), artifact);
    return this.cursors.length === 1 && (!this.next || oldest !== artifact);
  }

  #draw() {
    const body = byId("rows");
    const list = [...this.known.values()].sort(newer);
    for (const [id, row] of this.rows) {
      if (!this.known.has(id)) {
        row.remove();
        this.rows.delete(id);
      }
    }
    list.forEach((artifact, index) => {
      let row = this.rows.get(artifact.id);
      if (!row) {
        row = blank(artifact.id);
        this.rows.set(artifact.id, row);
      }
      fill(row, artifact);
      if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    });
    const filtered = [...this.#query().keys()].length > 0;
    byId("artifacts").hidden = !list.length;
    byId("empty").hidden = list.length > 0;
    byId("empty").textContent = filtered ? "No artifact matches." : "There are no artifacts yet.";
    byId("newer").disabled = this.cursors.length === 1;
    byId("older").disabled = !this.next;
    byId("page").textContent = `Page ${this.cursors.length}`;
  }

  #ages() {
    for (const [id, row] of this.rows) set(row.querySelector("time"), age(this.known.get(id).createdAt));
  }

  // Read out, a few at a time.
  #say(words) {
    this.words.push(words);
    this.speaking ??= setTimeout(() => {
      const many = this.words.length > 3;
      byId("said").textContent = many ? `${this.words.length} artifacts changed` : this.words.join(". ");
      this.words = [];
      this.speaking = null;
    }, 1000);
  }
}

const newer = (one, other) => (one.createdAt === other.createdAt
  ? (one.id < other.id ? 1 : -1)
  : (one.createdAt < other.createdAt ? 1 : -1));

const set = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

const LABELS = ["Name", "Type", "Status", "Progress", "Size", "Duration", "Age"];
const CLASSES = ["name", "type", "state", "part", "number", "number", "number"];

const blank = (id) => {
  const cell = (index, ...children) => element("td", {
    role: "cell", "data-label": LABELS[index], class: CLASSES[index],
  }, ...children);
  const name = element("button", { type: "button", class: "link" });
  const bar = element("progress", { max: 1, "aria-label": "Progress" });
  return element("tr", { role: "row", "data-id": id },
    cell(0, name, element("span", { class: "why" })), cell(1), cell(2, element("span", { class: "status" })),
    cell(3, bar, element("span", { class: "quiet" })), cell(4), cell(5), cell(6, element("time")));
};

const fill = (row, artifact) => {
  const [name, type, status, progress, bytes, duration, made] = row.cells;
  row.dataset.status = artifact.status;
  set(name.firstChild, artifact.name);
  name.firstChild.title = artifact.name;
  set(name.lastChild, artifact.errorMessage ?? "");
  set(type, TYPE[artifact.type] ?? artifact.type);
  set(status.firstChild, STATUS[artifact.status] ?? artifact.status);
  status.firstChild.dataset.status = artifact.status;
  progress.firstChild.value = artifact.progress;
  set(progress.lastChild, percent(artifact.progress));
  set(bytes, size(artifact.size));
  set(duration, clock(artifact.duration));
  const time = made.firstChild;
  if (time.dateTime !== artifact.createdAt) {
    time.dateTime = artifact.createdAt;
    time.title = moment(artifact.createdAt);
    time.textContent = age(artifact.createdAt);
  }
};
