// One artifact: what it is, how it plays, how its fragments lie, and why it failed.
import { STATUS, TYPE, byId, clock, element, forward, isFinal, moment, percent, size } from "/format.js";
import { request } from "/session.js";
import { Timeline, summary, told } from "/timeline.js";

// How much is played before a seam.
const BEFORE = 1.5;

const fact = (name, ...value) => [element("dt", {}, name), element("dd", {}, ...value)];

const table = (label, names, rows) => element("table", { class: "facts", role: "table" },
  element("caption", { class: "unseen" }, label),
  element("thead", { role: "rowgroup" }, element("tr", { role: "row" },
    ...names.map((name) => element("th", { role: "columnheader", scope: "col" }, name)))),
  element("tbody", { role: "rowgroup" }, ...rows.map((row) => element("tr", { role: "row" },
    ...row.map((text, index) => element("td", { role: "cell", "data-label": names[index] }, String(text)))))));

export class Detail {
  constructor() {
    this.dialog = byId("detail");
    this.body = byId("detail-body");
    this.artifact = null;
    this.dialog.querySelector("[data-close]").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.#closed());
    addEventListener("popstate", () => this.fromAddress());
  }

  // Shows what the page's address names, if it names one.
  fromAddress() {
    const id = new URLSearchParams(location.search).get("artifact");
    if (id) this.open(id, true);
    else if (this.dialog.open) this.dialog.close();
  }

  async open(id, isAddressed = false) {
    if (!isAddressed) {
      const url = new URL(location.href);
      url.searchParams.set("artifact", id);
      history.pushState(null, "", url);
    }
    this.#empty();
    this.id = id;
    byId("detail-title").textContent = "…";
    if (!this.dialog.open) this.dialog.showModal();
    byId("detail-title").focus();
    await this.#load();
  }

  async #load() {
    const { id } = this;
    try {
      const artifact = await request(`/api/v1/artifacts/${encodeURIComponent(id)}`);
      if (id === this.id) this.#show(forward(this.artifact, artifact));
    } catch (failure) {
      if (id !== this.id) return;
      if (failure.status === 401) this.dialog.close();
      byId("detail-title").textContent = "Not shown";
      this.body.replaceChildren(element("p", { class: "error", role: "alert" }, failure.message));
    }
  }

  // Live, as the table is. The report comes with the artifact only.
  changed(artifact) {
    if (artifact.id !== this.id || !this.artifact) return;
    const ends = isFinal(artifact) && !isFinal(this.artifact);
    if (ends) this.#load();
    else if (!isFinal(this.artifact)) this.#show(forward(this.artifact, artifact));
  }

  deleted(id) {
    if (id === this.id) this.dialog.close();
  }

  #empty() {
    this.timeline?.close();
    // What plays stops, and what loads is let go.
    this.player?.removeAttribute("src");
    this.player?.load();
    [this.artifact, this.timeline, this.player, this.id] = [null, null, null, null];
    this.body.replaceChildren();
  }

  #closed() {
    this.#empty();
    const url = new URL(location.href);
    if (!url.searchParams.has("artifact")) return;
    url.searchParams.delete("artifact");
    history.replaceState(null, "", url);
  }

  #show(artifact) {
    const isSame = this.artifact?.status === artifact.status;
    this.artifact = artifact;
    if (isSame && this.bar) {
      this.bar.value = artifact.progress;
      this.bar.nextSibling.textContent = percent(artifact.progress);
      return;
    }
    byId("detail-title").textContent = artifact.name;
    const { report } = artifact;
    this.body.replaceChildren(...[
      this.#head(artifact),
      artifact.errorMessage && element("section", { class: "failure", role: "alert" },
        element("h3", {}, "Why it failed"), element("p", { id: "detail-error" }, artifact.errorMessage)),
      artifact.downloadUrl && artifact.type !== "script" && this.#player(artifact),
      report && this.#line(report),
      report && this.#warnings(report),
      report && this.#tracks(report),
      this.#facts(artifact),
      this.#actions(artifact),
    ].filter(Boolean));
    if (report) this.#draw(report);
  }

  #head(artifact) {
    this.bar = element("progress", { max: 1, value: artifact.progress, "aria-label": "Progress" });
    return element("p", { class: "summary", "data-status": artifact.status },
      element("span", { class: "status", "data-status": artifact.status }, STATUS[artifact.status] ?? artifact.status),
      this.bar, element("span", { class: "quiet" }, percent(artifact.progress)),
      element("span", {}, [TYPE[artifact.type], artifact.size != null && size(artifact.size),
        artifact.duration != null && clock(artifact.duration)].filter(Boolean).join(" · ")));
  }

  #player(artifact) {
    const kind = artifact.type === "audio" ? "audio" : "video";
    this.player = element(kind, {
      id: "player", controls: true, preload: "metadata", "aria-label": `Player of ${artifact.name}`,
      src: `/api/v1/artifacts/${artifact.id}/content`,
    });
    const fault = element("p", { class: "error", role: "alert" });
    this.player.addEventListener("error", () => {
      if (this.player?.src) fault.textContent = "This browser cannot play the file. It can be downloaded.";
    });
    this.player.addEventListener("timeupdate", () => this.timeline?.at(this.player.currentTime));
    this.player.addEventListener("seeking", () => this.timeline?.at(this.player.currentTime));
    return element("section", { class: "player" }, this.player, fault);
  }

  #seek(seconds) {
    if (this.player) this.player.currentTime = seconds;
  }

  #across(seconds) {
    this.#seek(Math.max(0, seconds - BEFORE));
    // A browser that does not let it play has its own button for it.
    this.player?.play().catch(() => {});
  }

  #line(report) {
    const line = { fragments: report.fragments, seams: report.seams };
    const buttons = (seam) => {
      if (!this.player) return [];
      const place = seam.fragments.join(" and ");
      const button = (text, label, act) => {
        const made = element("button", { type: "button", "aria-label": label }, text);
        made.addEventListener("click", act);
        return made;
      };
      return [element("span", { class: "seek" },
        button(clock(seam.at), `Go to the seam of ${place} at ${clock(seam.at)}`, () => this.#seek(seam.at)),
        button("Play across", `Play across the seam of ${place}`, () => this.#across(seam.at)))];
    };
    this.picture = element("div", { class: "picture" });
    return element("section", { id: "detail-timeline" }, element("h3", {}, "Timeline"),
      element("p", { class: "quiet" }, summary(line, report.duration)), this.picture,
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Fragments and seams" }, told(line, buttons)));
  }

  // Once it has a width.
  #draw(report) {
    this.timeline?.close();
    this.timeline = new Timeline(this.picture, (seconds) => this.#seek(seconds));
    this.timeline.show({ fragments: report.fragments, seams: report.seams }, report.duration);
  }

  #warnings({ warnings }) {
    return element("section", { id: "detail-warnings" }, element("h3", {}, "Warnings"), warnings.length
      ? element("ul", {}, ...warnings.map((one) => element("li", {}, one.message)))
      : element("p", { class: "quiet" }, "None."));
  }

  #tracks({ tracks }) {
    const names = ["Kind", "Codec", "Entry", "Language", "Samples", "Silent", "Hidden", "Timescale"];
    const rows = tracks.map((one) => [one.kind, one.codec, one.entry, one.language, one.packets,
      one.silentPackets, one.hiddenPackets, one.timescale]);
    return element("section", { id: "detail-tracks" }, element("h3", {}, "Tracks"), table("Tracks", names, rows));
  }

  #facts(artifact) {
    return element("section", {}, element("h3", {}, "Artifact"), element("dl", {},
      ...fact("Id", element("code", {}, artifact.id)),
      ...fact("Made from", artifact.uploadMethod === "fragments" ? "fragments" : "one file"),
      ...fact("Stored at", element("code", {}, `s3://${artifact.s3Bucket}/${artifact.s3Path}`)),
      ...fact("Bytes", artifact.size == null ? "–" : artifact.size.toLocaleString()),
      ...fact("Duration", clock(artifact.duration)),
      ...fact("Checksum", element("code", {}, artifact.checksum ?? "–")),
      ...fact("Created", element("time", { datetime: artifact.createdAt }, moment(artifact.createdAt))),
      ...fact("Changed", element("time", { datetime: artifact.updatedAt }, moment(artifact.updatedAt))),
      ...fact("By", `${artifact.createdBy.name}, ${artifact.company.name}`)));
  }

  #actions(artifact) {
    const remove = element("button", { type: "button", class: "danger", id: "delete" }, isFinal(artifact) ? "Delete" : "Cancel and delete");
    remove.addEventListener("click", () => this.#delete(artifact, remove));
    const download = artifact.downloadUrl && element("a", {
      class: "button", href: `/api/v1/artifacts/${artifact.id}/content`, download: artifact.s3Path.split("/").pop(),
    }, "Download");
    return element("p", { class: "actions end" }, download, remove);
  }

  #delete(artifact, button) {
    const confirm = byId("confirm");
    byId("confirm-text").textContent = `${artifact.name}: what is stored of it is removed, too.`;
    confirm.returnValue = "no";
    confirm.showModal();
    confirm.addEventListener("close", async () => {
      if (confirm.returnValue !== "yes") {
        button.focus();
        return;
      }
      try {
        await request(`/api/v1/artifacts/${artifact.id}`, { method: "DELETE" });
        this.removed(artifact.id);
        this.dialog.close();
      } catch (failure) {
        this.body.append(element("p", { class: "error", role: "alert" }, failure.message));
      }
    }, { once: true });
  }
}
