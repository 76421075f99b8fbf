// A local file into the store: a place to put it, then one PUT that tells how far it is.
import { Refused, request } from "/session.js";

const store = (url, file, told, signal) => new Promise((resolve, reject) => {
  // `fetch` does not tell how much of a body is sent.
  const sent = new XMLHttpRequest();
  const stop = () => sent.abort();
  signal.addEventListener("abort", stop, { once: true });
  sent.upload.addEventListener("progress", (event) => told(event.loaded, file.size));
  sent.addEventListener("load", () => {
    if (sent.status >= 200 && sent.status < 300) {
      resolve();
      return;
    }
    let problem = {};
    try {
      problem = JSON.parse(sent.responseText);
    } catch {
      problem.detail = `The store answered ${sent.status} to the upload.`;
    }
    reject(new Refused(sent.status, problem));
  });
  sent.addEventListener("error", () => reject(new Error("The upload broke off: the store cannot be reached.")));
  sent.addEventListener("abort", () => reject(new DOMException("The upload was cancelled.", "AbortError")));
  sent.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
  sent.open("PUT", url);
  sent.send(file);
});

// Uploads `file` and returns the path it is to be created from.
export const upload = async (file, publicUrl, told, signal) => {
  told(0, file.size);
  const path = `/api/v1/artifacts/create?fileName=${encodeURIComponent(file.name.slice(-200))}`;
  const place = await request(path, { signal });
  // A service that stores by itself is this page's own origin, whatever name it was opened under.
  const url = place.presignedUploadUrl;
  const own = url.startsWith(`${publicUrl}/`) ? url.slice(publicUrl.length) : url;
  await store(own, file, told, signal);
  return place.s3Path;
};
