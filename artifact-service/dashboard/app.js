// The parts put together.
import { Create } from "/create.js";
import { Detail } from "/detail.js";
import { follow } from "/events.js";
import { byId } from "/format.js";
import { session } from "/session.js";
import { Table } from "/table.js";

const detail = new Detail();
const table = new Table((id) => detail.open(id));
const create = new Create((artifact) => {
  table.changed(artifact);
  byId("said").textContent = `${artifact.name} was created`;
});
detail.removed = (id) => table.deleted(id);

let stop = () => {};

const entered = (who) => {
  create.who = who;
  byId("who").textContent = `${who.user.name}, ${who.company.name}`;
  byId("sign-out").hidden = false;
  byId("list").hidden = false;
  // Where signing in put the focus is gone now.
  byId("list").focus();
  table.load();
  stop = follow({
    changed: (artifact) => {
      table.changed(artifact);
      detail.changed(artifact);
    },
    deleted: (id) => {
      table.deleted(id);
      detail.deleted(id);
    },
    again: () => table.load(),
  });
  detail.fromAddress();
};

const left = () => {
  stop();
  stop = () => {};
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const id of ["list", "sign-out", "live"]) byId(id).hidden = true;
  byId("who").textContent = "";
  table.clear();
};

session(entered, left);
