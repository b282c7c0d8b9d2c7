// What is noted and not answered yet: one entry of the browser's storage for each scan, so that two open pages of one phone
// never overwrite each other's.

const PREFIX = `lectern-door/${document.getElementById("door").dataset.event}/`;

const unsaved = new Map(); // where the storage is forbidden or full

export function keep(scan) {
  try {
    localStorage.setItem(PREFIX + scan.id, JSON.stringify(scan));
    unsaved.delete(scan.id);
  } catch {
    unsaved.set(scan.id, scan);
  }
}

export function drop(id) {
  unsaved.delete(id);
  try {
    localStorage.removeItem(PREFIX + id);
  } catch {
    // then nothing was ever stored
  }
}

export function kept(id) {
  return queue().find((scan) => scan.id === id);
}

export function queue() {
  const found = [...unsaved.values()];
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && !unsaved.has(key.slice(PREFIX.length))) found.push(JSON.parse(localStorage.getItem(key)));
    }
  } catch {
    // storage is forbidden: what is in memory is all there is
  }
  return found.sort((one, other) => one.noted - other.noted);
}

let lastNoted = 0;

export function noteNow() {
  lastNoted = Math.max(lastNoted + 1, Date.now()); // two scans in one millisecond keep their order
  return lastNoted;
}

export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // a page without TLS has only this
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// Whether something is noted that is lost where this page is closed.
export function keepsNothing() {
  return unsaved.size > 0;
}
