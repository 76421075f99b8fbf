// Elements and words. Text is only ever set as text: names come from anybody.

export const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
};

export const byId = (id) => document.getElementById(id);

const SIZES = ["B", "kB", "MB", "GB", "TB"];

export const size = (bytes) => {
  if (bytes == null) return "–";
  let power = 0;
  let rest = bytes;
  while (rest >= 999.5 && power < SIZES.length - 1) {
    rest /= 1000;
    power += 1;
  }
  return `${power && rest < 99.95 ? rest.toFixed(1) : Math.round(rest)} ${SIZES[power]}`;
};

// 0:02.000, 1:02:03.500: to the millisecond, as seams are.
export const clock = (seconds) => {
  if (seconds == null) return "–";
  const total = Math.round(Math.abs(seconds) * 1000);
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(total / 3_600_000), Math.floor(total / 60_000) % 60];
  const rest = `${two(Math.floor(total / 1000) % 60)}.${String(total % 1000).padStart(3, "0")}`;
  return `${seconds < 0 ? "−" : ""}${hours ? `${hours}:${two(minutes)}` : minutes}:${rest}`;
};

// Seconds of "90.5", "1:30.5" or "0:01:30.5"; null for anything else.
export const seconds = (text) => {
  const parts = text.trim().split(":");
  const whole = parts.slice(0, -1).every((part) => /^\d+$/.test(part));
  const last = /^(\d+(\.\d*)?|\.\d+)$/.test(parts.at(-1));
  if (parts.length > 3 || !whole || !last) return null;
  const sum = parts.reduce((before, part) => before * 60 + Number(part), 0);
  // A sum of binary fractions has digits that nobody wrote.
  return Number(sum.toFixed(9));
};

export const percent = (part) => `${Math.floor(part * 100)} %`;

export const age = (iso, now = Date.now()) => {
  const passed = Math.max(0, (now - Date.parse(iso)) / 1000);
  for (const [name, length] of [["d", 86_400], ["h", 3600], ["min", 60]]) {
    if (passed >= length) return `${Math.floor(passed / length)} ${name}`;
  }
  return `${Math.floor(passed)} s`;
};

export const moment = (iso) => new Date(iso).toLocaleString();

export const STATUS = {
  created: "Waiting",
  upload_started: "Processing",
  upload_completed: "Completed",
  upload_failed: "Failed",
};

export const TYPE = { video: "Video", audio: "Audio", script: "Script" };

const ORDER = { created: 0, upload_started: 1, upload_completed: 2, upload_failed: 2 };

export const isFinal = (artifact) => ORDER[artifact.status] === 2;

// The later of two pictures of one artifact: status and progress never go back.
export const forward = (known, told) => {
  if (!known) return told;
  const [before, after] = [ORDER[known.status], ORDER[told.status]];
  if (after < before || (after === before && told.updatedAt < known.updatedAt)) return known;
  const report = told.report ?? known.report;
  return { ...told, report, progress: Math.max(known.progress, told.progress) };
};
