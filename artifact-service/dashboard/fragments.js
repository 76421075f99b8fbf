// The rows of fragments: where each is, when it starts, how long it is found to be.
import { byId, clock, element, seconds } from "/format.js";
import { request } from "/session.js";
import { Timeline, meet, summary, told } from "/timeline.js";

let made = 0;

// What a text means to the service.
export const place = (text) => (text.startsWith("s3://") ? { s3Path: text } : { url: text });

export class Fragments {
  constructor() {
    this.rows = [];
    this.body = byId("fragment-rows").tBodies[0];
    this.picture = element("div", { class: "picture" });
    this.told = element("details", {}, element("summary", {}, "The timeline as a table"), element("div"));
    this.note = element("p", { class: "note", role: "status" });
    byId("draft").append(this.picture, this.note, this.told);
    this.timeline = new Timeline(this.picture);
    byId("add-fragment").addEventListener("click", () => this.add().source.focus());
    byId("chain").addEventListener("click", () => this.#chain());
  }

  reset() {
    for (const row of this.rows) row.asked?.abort();
    this.rows = [];
    this.body.replaceChildren();
    this.add();
    this.add();
  }

  add() {
    made += 1;
    const id = `fragment-${made}`;
    const error = element("p", { class: "error", id: `${id}-error` });
    const described = { "aria-describedby": error.id };
    const row = {
      error,
      number: element("td", { role: "cell", class: "index" }),
      source: element("input", { type: "text", spellcheck: "false", placeholder: "https://… or s3://…", ...described }),
      start: element("input", { type: "text", inputmode: "decimal", class: "start", ...described }),
      length: element("output", { class: "length" }, "–"),
      remove: element("button", { type: "button", class: "close" }, "✕"),
      seconds: null,
      known: "",
    };
    const cell = (label, ...inside) => element("td", { role: "cell", "data-label": label }, ...inside);
    row.row = element("tr", { role: "row" }, row.number, cell("URL or S3 path", row.source, error),
      cell("Starts at", row.start), cell("Lasts", row.length), element("td", { role: "cell", class: "last" }, row.remove));
    row.source.addEventListener("input", () => {
      clearTimeout(row.typing);
      row.typing = setTimeout(() => this.#look(row), 700);
    });
    row.source.addEventListener("change", () => this.#look(row));
    row.source.addEventListener("paste", (event) => this.#paste(row, event));
    row.start.addEventListener("input", () => this.#draw());
    row.remove.addEventListener("click", () => this.#remove(row));
    if (!this.rows.length) row.start.value = "0";
    this.rows.push(row);
    this.body.append(row.row);
    this.#draw();
    return row;
  }

  // A list of places fills a row each.
  #paste(row, event) {
    const lines = event.clipboardData.getData("text").split(/\s+/).filter(Boolean);
    if (lines.length < 2) return;
    event.preventDefault();
    const from = this.rows.indexOf(row);
    lines.forEach((line, index) => {
      const to = this.rows[from + index] ?? this.add();
      to.source.value = line;
      this.#look(to);
    });
  }

  #remove(row) {
    const at = this.rows.indexOf(row);
    row.asked?.abort();
    row.row.remove();
    this.rows.splice(at, 1);
    if (!this.rows.length) this.add();
    this.rows[Math.min(at, this.rows.length - 1)].source.focus();
    this.#draw();
  }

  #chain() {
    let end = 0;
    for (const row of this.rows) {
      row.start.value = String(Number(end.toFixed(6)));
      if (row.seconds == null) break;
      end += row.seconds;
    }
    this.#draw();
  }

  // Asks the service how long a fragment is.
  async #look(row) {
    clearTimeout(row.typing);
    const text = row.source.value.trim();
    if (text === row.known) return;
    row.known = text;
    row.asked?.abort();
    row.asked = new AbortController();
    row.seconds = null;
    this.#fault(row, "");
    row.length.textContent = text ? "…" : "–";
    row.length.title = "";
    this.#draw();
    if (!text) return;
    const { signal } = row.asked;
    try {
      const found = await request("/session/probe", { method: "POST", body: place(text), signal });
      row.seconds = found.duration;
      row.length.textContent = clock(found.duration);
      row.length.title = found.tracks.map((track) => `${track.kind}: ${track.format}`).join(", ");
    } catch (failure) {
      if (signal.aborted) return;
      row.length.textContent = "?";
      this.#fault(row, failure.errors?.[0]?.detail ?? failure.message);
    }
    this.#draw();
  }

  #fault(row, text, field) {
    row.error.textContent = text;
    row.source.toggleAttribute("aria-invalid", Boolean(text) && field !== "startTime");
    row.start.toggleAttribute("aria-invalid", Boolean(text) && field === "startTime");
  }

  #draw() {
    this.rows.forEach((row, index) => {
      row.number.textContent = index;
      row.source.setAttribute("aria-label", `Fragment ${index}: URL or S3 path`);
      row.start.setAttribute("aria-label", `Fragment ${index}: starts at`);
      row.remove.setAttribute("aria-label", `Remove fragment ${index}`);
    });
    const list = this.rows.map((row, index) => ({ index, start: seconds(row.start.value), length: row.seconds }));
    const used = list.filter((_, index) => this.rows[index].source.value.trim());
    const line = meet(used);
    const length = Math.max(0, ...line.fragments.map((one) => one.start + (one.length ?? 0)));
    byId("draft").hidden = !line.fragments.length;
    if (!line.fragments.length) return;
    // What ends nobody knows where is drawn a little longer than where it starts.
    this.timeline.show(line, line.fragments.every((one) => one.length != null) ? length : length * 1.1 + 1);
    this.told.lastChild.replaceChildren(told(line));
    const overlaps = line.seams.some((seam) => seam.kind === "overlap");
    const gaps = line.seams.some((seam) => seam.kind === "gap");
    this.note.textContent = `${summary(line, length)}. ${overlaps ? "Fragments that overlap are refused. " : ""}${
      gaps ? "In a gap the last picture is held and the sound is silent." : ""}`;
    this.note.classList.toggle("bad", overlaps);
  }

  // The fragments as a request has them; null, with the faults told, where that cannot be.
  read() {
    let good = true;
    const used = this.rows.filter((row, index) => row.source.value.trim() || index === 0);
    this.sent = used;
    const list = used.map((row) => {
      const text = row.source.value.trim();
      const startTime = seconds(row.start.value);
      if (!text) this.#fault(row, "A URL or an S3 path is needed.");
      else if (startTime == null) this.#fault(row, "The start is not a time: 90.5 or 1:30.5 is.", "startTime");
      else return { ...place(text), startTime };
      good = false;
      return null;
    });
    if (!good) this.body.querySelector("[aria-invalid]")?.focus();
    return good ? list : null;
  }

  // What the service says of `fragments[2].url`; whether there is such a row.
  refused(field, detail) {
    const [, index, part] = /^fragments\[(\d+)\](?:\.(\w+))?/.exec(field) ?? [];
    const row = this.sent?.[Number(index)];
    if (row) this.#fault(row, detail, part);
    return Boolean(row);
  }
}
