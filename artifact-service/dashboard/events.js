// What changes, as the service tells it. After every interruption the listener is told to look anew,
// because what happened meanwhile is not told again.
import { byId } from "/format.js";
import { request } from "/session.js";

const LONGEST = 30_000;

export const follow = ({ changed, deleted, again }) => {
  const lamp = byId("live");
  let source = null;
  let wait = 1000;
  let timer = null;
  const tell = (live) => {
    lamp.hidden = false;
    lamp.classList.toggle("on", live);
    lamp.textContent = live ? "Live" : "Reconnecting…";
  };
  const open = () => {
    source = new EventSource("/api/v1/artifacts/events");
    source.addEventListener("ready", () => {
      wait = 1000;
      tell(true);
      again();
    });
    source.addEventListener("artifact", (event) => changed(JSON.parse(event.data)));
    source.addEventListener("deleted", (event) => deleted(JSON.parse(event.data).id));
    source.addEventListener("error", async () => {
      tell(false);
      // The browser tries again by itself, unless the answer was an error.
      if (source.readyState !== EventSource.CLOSED) return;
      const mine = source;
      const gone = await request("/api/v1/me").then(() => false, (failure) => failure.status === 401);
      if (gone || mine !== source) return;
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
    source = null;
    lamp.hidden = true;
  };
};
