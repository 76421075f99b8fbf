// Fragments on a line of time: which lie apart and which lie over each other. Drawn as a picture and
// told as a table, which says the same to whoever does not see the picture.
import { clock, element } from "/format.js";

// As the library joins: what differs less is trimmed or held.
const TOLERANCE = 0.2;
const LANE = 26;
const GAP = 4;
const TOP = 8;
const EDGE = 8;

// Where fragments that have a start, and perhaps a length, meet. In order of their starts.
export const meet = (fragments) => {
  const order = fragments.filter((one) => one.start != null).sort((a, b) => a.start - b.start);
  const seams = order.slice(1).map((later, index) => {
    const earlier = order[index];
    const seam = { fragments: [earlier.index, later.index], at: later.start };
    if (earlier.length == null) return { ...seam, kind: "unknown", difference: null };
    const end = earlier.start + earlier.length;
    const difference = later.start - end;
    const kind = Math.abs(difference) <= TOLERANCE + 1e-9 ? "plain" : difference > 0 ? "gap" : "overlap";
    return { ...seam, kind, difference };
  });
  return { fragments: order, seams };
};

// What a seam is, in words.
export const words = ({ kind, difference, action }) => {
  const long = clock(Math.abs(difference ?? 0));
  const done = { trimmed: ", trimmed", held: ", last picture held", filled: ", filled", closed: ", closed", shifted: ", shifted" };
  if (kind === "unknown") return "not known yet";
  if (kind !== "plain") return `${kind} of ${long}${done[action] ?? ""}`;
  return Math.abs(difference ?? 0) < 0.0005 ? "meets exactly" : `off by ${long}${done[action] ?? ""}`;
};

// "3 fragments, 1 gap, no overlap, 0:06.500 long"
export const summary = ({ fragments, seams }, length) => {
  const count = (kind) => seams.filter((seam) => seam.kind === kind).length;
  const many = (number, word) => `${number || "no"} ${word}${number === 1 ? "" : "s"}`;
  return [many(fragments.length, "fragment"), many(count("gap"), "gap"), many(count("overlap"), "overlap"),
    `${clock(length)} long`].join(", ");
};

const svg = (name, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

// A round number of seconds for ticks about `apart` seconds away from each other.
const step = (apart) => {
  const fine = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200];
  return fine.find((one) => one >= apart) ?? Math.ceil(apart / 86_400) * 86_400;
};

const tickLabel = (at, apart) => (apart < 1 ? clock(at).slice(0, -2) : clock(at).slice(0, -4));

// The picture. `seek`, where there is one, is called with the second that was clicked.
export class Timeline {
  #shown = null;

  constructor(place, seek) {
    this.place = place;
    this.seek = seek;
    this.head = null;
    this.watch = new ResizeObserver(() => this.#shown && this.#paint());
    this.watch.observe(place);
  }

  show(line, length) {
    this.#shown = { line, length: Math.max(length, 0.001) };
    this.#paint();
  }

  // Where the player is.
  at(seconds) {
    this.time = seconds;
    if (!this.head) return;
    const x = this.scale(Math.min(seconds, this.#shown.length));
    this.head.setAttribute("x1", x);
    this.head.setAttribute("x2", x);
  }

  close() {
    this.watch.disconnect();
  }

  #paint() {
    const { line, length } = this.#shown;
    const width = Math.max(this.place.clientWidth, 200);
    const lanes = TOP + LANE * 2 + GAP;
    this.scale = (seconds) => EDGE + (seconds / length) * (width - 2 * EDGE);
    const picture = svg("svg", {
      class: "timeline", role: "img", "aria-label": `Timeline: ${summary(line, length)}`,
      width, height: lanes + 24, viewBox: `0 0 ${width} ${lanes + 24}`,
    });
    this.#axis(picture, length, width, lanes);
    const box = (from, to, y, height, kind) => svg("rect", {
      class: kind, x: this.scale(from), y, height, width: Math.max(this.scale(to) - this.scale(from), 1),
    });
    line.fragments.forEach((one, place) => {
      const y = TOP + (place % 2) * (LANE + GAP);
      const until = one.end ?? one.start + (one.length ?? 0);
      const next = line.fragments[place + 1]?.start ?? length;
      const unknown = one.end == null && one.length == null;
      const end = unknown ? Math.max(next, one.start) : until;
      const rect = box(one.start, Math.min(end, length), y, LANE, unknown ? "fragment unknown" : "fragment");
      rect.append(svg("title", {}, `Fragment ${one.index}: ${clock(one.start)} to ${unknown ? "?" : clock(end)}`));
      picture.append(rect);
      const room = this.scale(Math.min(end, length)) - this.scale(one.start);
      if (room > 18) {
        const text = svg("text", { class: "label", x: this.scale(one.start) + 6, y: y + LANE / 2 + 4 });
        text.textContent = room > 90 ? `Fragment ${one.index}` : one.index;
        picture.append(text);
      }
    });
    for (const seam of line.seams) {
      const { kind, difference, at } = seam;
      if (kind === "gap" || kind === "overlap") {
        const [from, to] = kind === "gap" ? [at - difference, at] : [at, Math.min(at - difference, length)];
        picture.append(box(from, to, TOP, LANE * 2 + GAP, kind));
        const tag = svg("text", { class: `tag ${kind}`, x: this.scale((from + to) / 2), y: TOP + LANE + GAP / 2 + 4 });
        tag.textContent = kind;
        if (this.scale(to) - this.scale(from) > 50) picture.append(tag);
      }
      const x = this.scale(at);
      const mark = svg("line", { class: `seam ${kind}`, x1: x, x2: x, y1: TOP - 5, y2: lanes + 4 });
      mark.append(svg("title", {}, `Fragments ${seam.fragments.join(" and ")}: ${words(seam)}`));
      picture.append(mark);
    }
    if (this.seek) this.#follow(picture, length, width, lanes);
    this.place.replaceChildren(picture);
    if (this.seek) this.at(this.time ?? 0);
  }

  #axis(picture, length, width, lanes) {
    const apart = step((length / (width - 2 * EDGE)) * 80);
    for (let at = 0; at <= length + 1e-6; at += apart) {
      const x = this.scale(at);
      picture.append(svg("line", { class: "tick", x1: x, x2: x, y1: TOP, y2: lanes + 6 }));
      const text = svg("text", { class: "time", x, y: lanes + 20 });
      const edge = x < 30 ? "start" : x > width - 30 ? "end" : "middle";
      text.setAttribute("text-anchor", edge);
      text.textContent = tickLabel(at, apart);
      picture.append(text);
    }
  }

  #follow(picture, length, width, lanes) {
    this.head = svg("line", { class: "head", y1: 0, y2: lanes + 6 });
    picture.append(this.head);
    picture.classList.add("seekable");
    picture.addEventListener("click", (event) => {
      const part = (event.clientX - picture.getBoundingClientRect().left - EDGE) / (width - 2 * EDGE);
      this.seek(Math.min(Math.max(part, 0), 1) * length);
    });
  }
}

// The same as a table: every fragment, and how it meets the one before.
export const told = ({ fragments, seams }, extra = () => []) => element("table", { class: "facts", role: "table" },
  element("caption", { class: "unseen" }, "Fragments: where each starts and ends, and how it meets the one before"),
  element("thead", { role: "rowgroup" }, element("tr", { role: "row" },
    ...["Fragment", "Start", "End", "Meets the one before"].map((name) => element("th", { role: "columnheader", scope: "col" }, name)))),
  element("tbody", { role: "rowgroup" }, ...fragments.map((one, place) => {
    const seam = seams[place - 1];
    const end = one.end ?? (one.length == null ? null : one.start + one.length);
    const cell = (label, ...inside) => element("td", { role: "cell", "data-label": label }, ...inside);
    return element("tr", { role: "row", "data-seam": seam?.kind },
      cell("Fragment", `${one.index}${one.source ? ` · ${one.source}` : ""}`),
      cell("Start", clock(one.start)), cell("End", clock(end)),
      cell("Meets the one before", seam ? words(seam) : "–", ...(seam ? extra(seam) : [])));
  })));
