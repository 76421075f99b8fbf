// The dialog that makes an artifact, by each of the four methods.
import { byId, percent, size } from "/format.js";
import { Fragments } from "/fragments.js";
import { request } from "/session.js";
import { upload } from "/upload.js";

// Where the service's names for fields are shown.
const FIELDS = { name: "name", type: "type", url: "url", s3Path: "s3-path" };

const AUDIO = /\.(wav|mp3|m4a|aac|flac|ogg|opus|aiff?|ac3|eac3|amr)$/i;
const SCRIPT = /\.(srt|vtt|txt|ass|ssa|md|json|csv)$/i;

const lastPart = (text) => text.split(/[?#]/)[0].split("/").pop();

export class Create {
  constructor(made) {
    this.made = made;
    this.dialog = byId("create");
    this.form = byId("create-form");
    this.fragments = new Fragments();
    this.upload = null;
    this.guessed = { name: "", type: "" };
    byId("new").addEventListener("click", () => this.open());
    for (const button of this.dialog.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => this.dialog.close());
    }
    this.dialog.addEventListener("close", () => this.upload?.abort());
    this.form.addEventListener("change", (event) => {
      if (event.target.name === "method") this.#choose();
    });
    byId("file").addEventListener("change", () => this.#guess(byId("file").files[0]?.name ?? ""));
    for (const id of ["url", "s3-path"]) {
      byId(id).addEventListener("change", () => this.#guess(lastPart(byId(id).value)));
    }
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  open() {
    this.form.reset();
    this.fragments.reset();
    this.repeat = null;
    this.stored = null;
    this.guessed = { name: "", type: "" };
    this.#faults();
    this.#busy(false);
    this.#choose();
    byId("s3-path-help").textContent = `A path of an upload or an artifact in ${this.who.bucket}, ${
      this.who.hasS3Credentials ? "or of a bucket that this key's S3 credentials open." : "or of another bucket once this key has S3 credentials."}`;
    this.dialog.showModal();
    this.form.elements.method[0].focus();
  }

  get method() {
    return this.form.elements.method.value;
  }

  #choose() {
    for (const part of this.form.querySelectorAll("[data-method]")) part.hidden = part.dataset.method !== this.method;
    const script = byId("type").querySelector('[value="script"]');
    script.disabled = this.method === "fragments";
    if (script.disabled && script.selected) byId("type").value = "video";
    this.#faults();
  }

  // A name and a type that a file's name suggests, until somebody says otherwise.
  #guess(file) {
    const [name, type] = [byId("name"), byId("type")];
    if (name.value === this.guessed.name) {
      this.guessed.name = file.replace(/\.[^.]*$/, "");
      name.value = this.guessed.name;
    }
    if (file && (!this.guessed.type || type.value === this.guessed.type)) {
      type.value = AUDIO.test(file) ? "audio" : SCRIPT.test(file) ? "script" : "video";
      this.guessed.type = type.value;
    }
  }

  #faults() {
    for (const error of this.dialog.querySelectorAll(".error")) error.textContent = "";
    for (const field of this.dialog.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  #fault(id, text) {
    byId(`${id}-error`).textContent = text;
    byId(id).setAttribute("aria-invalid", "true");
  }

  #busy(busy) {
    byId("create-submit").disabled = busy;
    byId("create-submit").textContent = busy ? "Creating…" : "Create";
    if (!busy) byId("uploading").hidden = true;
  }

  // What the form says, as the service wants it; null where it cannot be.
  async #source() {
    const needed = (id, text, what) => {
      if (!text) this.#fault(id, what);
      return text;
    };
    if (this.method === "fragments") {
      const fragments = this.fragments.read();
      return fragments && { fragments };
    }
    if (this.method === "url") {
      const url = needed("url", byId("url").value.trim(), "A URL is needed.");
      return url ? { url } : null;
    }
    if (this.method === "s3Path") {
      const s3Path = needed("s3-path", byId("s3-path").value.trim(), "An S3 path is needed.");
      return s3Path ? { s3Path } : null;
    }
    const file = needed("file", byId("file").files[0], "Choose a file.");
    return file ? { file } : null;
  }

  async #put(file) {
    // A file that was uploaded before something else was refused is not sent again.
    if (this.stored?.file === file) return this.stored.path;
    byId("uploading").hidden = false;
    const told = (sent, whole) => {
      const part = whole ? sent / whole : 0;
      byId("upload-progress").value = part;
      byId("upload-text").textContent = `${size(sent)} of ${size(whole)}, ${percent(part)}`;
    };
    this.upload = new AbortController();
    try {
      const path = await upload(file, this.who.publicUrl, told, this.upload.signal);
      this.stored = { file, path };
      return path;
    } finally {
      this.upload = null;
    }
  }

  async #submit() {
    if (byId("create-submit").disabled) return;
    this.#faults();
    const source = await this.#source();
    const name = byId("name").value.trim();
    if (!name) this.#fault("name", "A name is needed.");
    if (!source || !name) {
      this.dialog.querySelector("[aria-invalid]")?.focus();
      return;
    }
    this.#busy(true);
    try {
      const from = source.file ? { s3Path: await this.#put(source.file) } : source;
      const body = { name, type: byId("type").value, ...from };
      const headers = { "idempotency-key": this.#key(body) };
      const artifact = await request("/api/v1/artifacts/create", { method: "POST", body, headers });
      this.dialog.close();
      this.made(artifact);
    } catch (failure) {
      this.#refused(failure);
    } finally {
      this.#busy(false);
    }
  }

  // The same wish sent twice, because an answer was lost, is one artifact.
  #key(body) {
    const text = JSON.stringify(body);
    if (this.repeat?.text !== text) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      this.repeat = { text, key: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
    }
    return this.repeat.key;
  }

  #refused(failure) {
    if (failure.name === "AbortError") return;
    if (failure.status === 401) {
      this.dialog.close();
      return;
    }
    const rest = (failure.errors ?? []).filter(({ field, detail }) => {
      if (this.fragments.refused(field, detail)) return false;
      const id = field === "s3Path" && this.method === "file" ? "file" : FIELDS[field];
      if (!id || (field === "s3Path" && this.method === "url")) return true;
      this.#fault(id, `The ${field} ${detail}.`);
      return false;
    });
    const told = rest.map(({ field, detail }) => `${field}: ${detail}`);
    byId("create-error").textContent = [failure.message, ...told].join(" · ");
    this.dialog.querySelector("[aria-invalid]")?.focus();
  }
}
