// Who is signed in, and requests in their name. The key itself is not kept: a cookie that no script
// can read stands for it, and a token in a header shows that a request is this page's.
import { byId } from "/format.js";

let token = null;
let ended = () => {};

// A request that was refused, with the service's own words.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.errors = problem.errors || [];
  }
}

const UNREACHED = "The service cannot be reached.";

export const request = async (path, { method = "GET", body, headers = {}, signal } = {}) => {
  const sent = { ...headers };
  if (body !== undefined) sent["content-type"] = "application/json";
  if (method !== "GET" && token) sent["x-csrf-token"] = token;
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const asked = fetch(path, { method, headers: sent, body: payload, signal, credentials: "same-origin" });
  const answer = await asked.catch((error) => {
    throw error.name === "AbortError" ? error : new Error(UNREACHED);
  });
  const text = await answer.text();
  let told = {};
  try {
    told = text ? JSON.parse(text) : {};
  } catch {
    told = { detail: answer.ok ? "The answer is not JSON." : `The service answered ${answer.status}.` };
    if (answer.ok) throw new Refused(answer.status, told);
  }
  if (answer.ok) return told;
  if (answer.status === 401 && token) {
    token = null;
    ended();
  }
  throw new Refused(answer.status, told);
};

export const me = async () => {
  const who = await request("/api/v1/me");
  token = who.csrfToken;
  return who;
};

export const signIn = async (apiKey) => {
  await request("/session", { method: "POST", body: { apiKey } });
  return me();
};

export const signOut = async () => {
  await request("/session", { method: "DELETE" });
  token = null;
};

// Calls `entered` with who is there, now or once signed in, and `left` when that is over.
export const session = async (entered, left) => {
  const [form, input, error] = [byId("sign-in-form"), byId("api-key"), byId("sign-in-error")];
  const show = (message = "") => {
    left();
    byId("sign-in").hidden = false;
    error.textContent = message;
    input.focus();
  };
  const enter = (who) => {
    byId("sign-in").hidden = true;
    input.value = "";
    error.textContent = "";
    entered(who);
  };
  ended = () => show("The session has ended. Sign in again.");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      enter(await signIn(input.value.trim()));
    } catch (failure) {
      error.textContent = failure.status === 401 ? "This API key is not known." : failure.message;
      input.select();
    }
  });
  byId("sign-out").addEventListener("click", async () => {
    try {
      await signOut();
      show();
    } catch (failure) {
      byId("list-error").textContent = failure.message;
    }
  });
  try {
    enter(await me());
  } catch (failure) {
    show(failure.status === 401 ? "" : failure.message);
  }
};
