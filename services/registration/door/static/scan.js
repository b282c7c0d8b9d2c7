// The scan page: every scan is noted on the phone first, then sent; the server decides each once, by the scan's id.
import { canLook, toggle } from "./camera.js";
import { drop, keep, keepsNothing, kept, newId, noteNow, queue } from "./queue.js";

const byId = (id) => document.getElementById(id);
const texts = JSON.parse(byId("texts").textContent);
const eventId = byId("door").dataset.event;
const session = byId("session"); // none where no session is chosen
const language = document.documentElement.lang;
const CHOSEN = `lectern-door/${eventId}`;
const SENT_AT_ONCE = 50;
const LONGEST_WAIT = 60000; // milliseconds between two attempts
const PATIENCE = 20000; // milliseconds for one attempt
const SHOWN = 10;

const said = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// The phone's clock may be wrong: what the server said last puts it right.

let clockIsBehind = 0;

// What is shown: the newest scan large, the last ones as a list. Names are in memory only.

const views = new Map();
let current = null;

function show(view) {
  views.delete(view.id);
  views.set(view.id, view);
  while (views.size > 5 * SHOWN) views.delete(views.keys().next().value);
  current = view.id;
  render();
}

function line(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function render() {
  const view = views.get(current);
  if (view) {
    const result = byId("result");
    const lines = [line("p", view.message, "message")];
    if (view.into) lines.push(line("p", view.into));
    if (view.name || view.label) lines.push(line("p", view.name || view.label, "who"));
    if (view.kind) lines.push(line("p", view.kind));
    for (const missing of view.missing || []) lines.push(line("p", missing));
    if (view.sessions && view.sessions.length) {
      const list = document.createElement("ul");
      for (const held of view.sessions) list.append(line("li", `${held.title} · ${held.state}`));
      lines.push(list);
    }
    result.dataset.outcome = view.outcome;
    result.replaceChildren(...lines);
  }
  byId("undo").hidden = !(view && undoable(view));
  byId("undo").textContent = view && view.outcome !== "noted" ? texts.undo_check_in : texts.undo;
  byId("last").replaceChildren(...[...views.values()].reverse().slice(0, SHOWN).map(row));
}

function row(view) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  const mark = line("span", view.message, "mark");
  mark.dataset.outcome = view.outcome;
  text.append(mark, document.createElement("br"), [view.name || view.label, view.into].filter(Boolean).join(" · "));
  item.append(text);
  if (undoable(view)) {
    const noted = view.outcome === "noted";
    const button = line("button", noted ? texts.undo : texts.undo_check_in, "second");
    button.type = "button";
    button.setAttribute("aria-label", said(noted ? texts.undo_of : texts.undo_check_in_of, { name: view.name || view.label }));
    button.addEventListener("click", () => undo(view.id));
    item.append(button);
  }
  return item;
}

function undoable(view) {
  return ["noted", "checked-in", "already"].includes(view.outcome) && Boolean(view.scan);
}

function person(scan) {
  return `${scan.registration_id || scan.ticket.split(".")[0]} ${scan.session_id || ""}`;
}

// Undone once, none of the rows about the same check-in can be undone again.
function forgetOthers(undone) {
  for (const [id, view] of views) {
    if (view.scan && person(view.scan) === person(undone)) views.set(id, { ...view, scan: null });
  }
}

function tell(text) {
  byId("sending").textContent = text;
}

function tellState(trouble) {
  const waiting = queue().length;
  const parts = [waiting ? said(texts.to_send, { number: waiting }) : texts.all_sent];
  if (trouble) parts.push(trouble);
  if (keepsNothing()) parts.push(texts.unsaved);
  tell(parts.join(" "));
}

// Scanning

function ticketIn(text) {
  const found = /^(?:.*\/c\/)?([0-9a-z-]{1,80}\.[a-z2-7]{32})(?:[/?#].*)?$/is.exec(text.trim());
  return found ? found[1].toLowerCase() : null;
}

function into(id) {
  return session ? [...session.options].find((option) => option.value === (id || ""))?.text || "" : "";
}

function note(whom, label) {
  const scan = { ...whom, id: newId(), at: new Date(Date.now() + clockIsBehind).toISOString(), noted: noteNow() };
  if (session && session.value) scan.session_id = session.value;
  const same = queue().find((other) => !other.undo && !other.undone && other.session_id === scan.session_id
    && other.ticket === scan.ticket && other.registration_id === scan.registration_id);
  if (same) {
    show({ id: scan.id, outcome: "noted-already", message: texts.noted_already, label });
    signal(false);
    return;
  }
  keep(scan);
  show({ id: scan.id, outcome: "noted", message: texts.noted, label, scan, into: into(scan.session_id) });
  tellState();
  send();
}

function noteText(text) {
  const ticket = ticketIn(text);
  if (!ticket) return false;
  note({ ticket }, said(texts.ticket, { end: ticket.slice(-6) }));
  return true;
}

function undo(id) {
  const view = views.get(id);
  const scan = kept(id);
  if (scan && !scan.tried) {
    drop(id);
    show({ ...view, outcome: "removed", message: texts.removed });
  } else if (scan) {
    // It may have arrived: its own answer says whether there is something to undo.
    keep({ ...scan, undone: true });
    show({ ...view, outcome: "undoing", message: texts.undoing });
  } else {
    noteUndo(view.scan);
    show({ ...view, outcome: "undoing", message: texts.undoing });
    send();
  }
  tellState();
  readyForKeys();
}

function noteUndo({ id, ticket, registration_id, session_id }) {
  const at = new Date(Date.now() + clockIsBehind).toISOString();
  keep({ ticket, registration_id, session_id, undo: true, of: id, id: newId(), at, noted: noteNow() });
}

// The field waits for a scanner that types; not on a phone that is touched, where it would open the keyboard.
function readyForKeys() {
  if (matchMedia("(pointer: fine)").matches) byId("text").focus({ preventScroll: true });
}

function signal(good) {
  if (navigator.vibrate && navigator.userActivation && navigator.userActivation.hasBeenActive) {
    navigator.vibrate(good ? 60 : [120, 80, 120]);
  }
}

// Sending: one batch at a time, again and again until it is answered.

let sending = false;
let failures = 0;
let most = SENT_AT_ONCE;
let timer = null;

function later(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(send, milliseconds);
}

async function send() {
  if (sending) return;
  clearTimeout(timer);
  sending = true;
  const scans = queue().slice(0, most);
  const counted = session && session.value;
  try {
    for (const scan of scans) if (!scan.tried) keep({ ...scan, tried: true });
    const answer = await post(scans);
    failures = 0;
    most = SENT_AT_ONCE;
    clockIsBehind = Date.parse(answer.now) - Date.now();
    for (const scanned of answer.scans) take(scanned);
    byId("counter").textContent = said(texts.counter, { here: answer.counter.checked_in, expected: answer.counter.expected });
    tellState();
    if (queue().length || counted !== (session && session.value)) later(0);
  } catch (problem) {
    failed(problem, scans);
  } finally {
    sending = false;
  }
}

async function post(scans) {
  const body = {
    event_id: eventId,
    scans: scans.map(({ id, at, ticket, registration_id, session_id, undo: isUndo }) =>
      ({ id, at, ticket, registration_id, session_id, undo: Boolean(isUndo) })),
    session_id: (session && session.value) || null,
  };
  const patience = new AbortController();
  const limit = setTimeout(() => patience.abort(), PATIENCE);
  try {
    const answer = await fetch(`/api/v1/registration/check-ins?lang=${language}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: patience.signal,
    });
    if (!answer.ok) throw { status: answer.status, wait: 1000 * Number(answer.headers.get("Retry-After") || 0) };
    return await answer.json();
  } finally {
    clearTimeout(limit);
  }
}

function failed(problem, scans) {
  const status = problem.status || 0;
  if ([400, 413, 422].includes(status) && scans.length) {
    // One of them cannot be read: alone, it is found, told and left out.
    if (scans.length === 1) take({ id: scans[0].id, outcome: "refused", message: texts.no_ticket });
    most = scans.length === 1 ? SENT_AT_ONCE : 1;
    later(0);
    return;
  }
  failures += 1;
  const wait = Math.min(LONGEST_WAIT, 500 * 2 ** failures) * (0.5 + Math.random() / 2);
  later(Math.max(wait, problem.wait || 0));
  if (status === 401) tellState(texts.closed);
  else tellState(navigator.onLine === false ? texts.offline : texts.retrying);
}

function take(scanned) {
  const scan = kept(scanned.id);
  drop(scanned.id);
  const id = scan && scan.of ? scan.of : scanned.id;
  const view = views.get(id) || { id };
  const next = { ...view, ...scanned, id, scan: scan && !scan.undo ? scan : view.scan };
  if (scan && scan.undo && scanned.outcome === "undone") {
    forgetOthers(scan);
    next.scan = null;
  }
  if (scan && scan.undone && scanned.outcome === "checked-in") {
    noteUndo(scan);
    views.set(id, { ...next, outcome: "undoing", message: texts.undoing });
  } else {
    views.set(id, next);
  }
  if (current === null) current = id;
  if (current === id) signal(scanned.outcome === "checked-in");
  render();
}

// Searching by name

async function search(text) {
  const found = byId("found");
  if (text.length < 2) {
    found.replaceChildren(line("p", texts.longer));
    return;
  }
  try {
    const answer = await fetch(`/check-in/${eventId}/people?lang=${language}&q=${encodeURIComponent(text)}`);
    if (!answer.ok) throw answer;
    const { items } = await answer.json();
    if (!items.length) {
      found.replaceChildren(line("p", texts.nobody), line("p", texts.no_ticket_help, "quiet"));
      return;
    }
    const list = document.createElement("ul");
    list.append(...items.map(candidate));
    found.replaceChildren(list);
  } catch {
    found.replaceChildren(line("p", texts.search_fails));
  }
}

function candidate(person) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  text.append(line("strong", person.name), document.createElement("br"), [person.kind, person.state].filter(Boolean).join(" · "));
  const button = line("button", texts.let_in);
  button.type = "button";
  button.setAttribute("aria-label", `${texts.let_in}: ${person.name}`);
  button.addEventListener("click", () => {
    byId("found").replaceChildren();
    note({ registration_id: person.id }, person.name);
  });
  item.append(text, button);
  return item;
}

byId("typed").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("text");
  const text = field.value.trim();
  field.value = "";
  byId("found").replaceChildren();
  if (text && !noteText(text)) search(text);
  field.focus({ preventScroll: true });
});

// A scanner that types like a keyboard finds the field wherever the focus is.
document.addEventListener("keydown", (event) => {
  const busy = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName);
  if (!busy && event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) {
    byId("text").focus({ preventScroll: true });
  }
});

function seen(text) {
  if (noteText(text)) return;
  show({ id: newId(), outcome: "no-ticket", message: texts.no_ticket, missing: [texts.no_ticket_help] });
  signal(false);
}

byId("look").hidden = !canLook;
byId("app").hidden = canLook;
byId("look").addEventListener("click", async () => {
  const runs = await toggle(byId("camera"), seen).catch(() => tell(texts.no_camera));
  byId("camera").hidden = !runs;
  byId("look").textContent = runs ? texts.camera_off : texts.camera_on;
});

byId("undo").addEventListener("click", () => undo(current));

// A ticket that the phone's camera app opens is checked in into the same session (ticket_pages.py reads this).
function rememberForTickets() {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `lectern_entrance.${eventId}=${session.value}; path=/c; max-age=86400; samesite=lax${secure}`;
}

// A page that is loaded again goes on at the same session's door.
if (session) {
  try {
    const before = sessionStorage.getItem(CHOSEN);
    if ([...session.options].some((option) => option.value === before)) session.value = before;
  } catch {
    // storage is forbidden: it is chosen anew
  }
  rememberForTickets();
  session.addEventListener("change", () => {
    rememberForTickets();
    try {
      sessionStorage.setItem(CHOSEN, session.value);
    } catch {
      // as above
    }
    send();
  });
}
window.addEventListener("online", () => { failures = 0; send(); });
window.addEventListener("offline", () => tellState(texts.offline));
document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });

for (const scan of queue()) {
  if (scan.undo) continue;
  const end = (scan.ticket || scan.registration_id || "").slice(-6);
  const stands = scan.undone ? { outcome: "undoing", message: texts.undoing } : { outcome: "noted", message: texts.noted };
  show({ id: scan.id, ...stands, label: said(texts.ticket, { end }), scan, into: into(scan.session_id) });
}
readyForKeys();
tellState();
send();

if ("serviceWorker" in navigator && isSecureContext) {
  navigator.serviceWorker.register("/check-in/worker.js").then(async () => {
    await navigator.serviceWorker.ready;
    const keptPages = await caches.open("lectern-door-1");
    if (await keptPages.match(location.href)) return;
    const page = await fetch(location.href);
    if (page.ok) await keptPages.put(location.href, page);
  }).catch(() => {}); // without it, the page only does not open again while there is no network
}
