// Keeps the scan page, so that it opens again with no network. Nothing about people is kept here.
"use strict";

const KEPT = "lectern-door-1";
const FILES = ["scan.js", "queue.js", "camera.js", "scan.css"].map((name) => `/check-in/${name}`).concat("/static/lectern.css");
const PATIENCE = 4000; // milliseconds that a slow network is waited for

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const clean = caches.keys().then((names) => Promise.all(
    names.filter((name) => name.startsWith("lectern-door-") && name !== KEPT).map((name) => caches.delete(name)),
  ));
  event.waitUntil(clean.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  const own = event.request.method === "GET" && address.origin === self.location.origin;
  const page = event.request.mode === "navigate" && /^\/check-in\/[^/.]+$/.test(address.pathname);
  if (own && (page || FILES.includes(address.pathname))) event.respondWith(answered(event.request));
});

// From the network where it answers soon, else as it was kept; with nothing kept, the network is waited for.
async function answered(request) {
  const kept = await caches.open(KEPT);
  const fresh = fetch(request).then((answer) => {
    if (answer.ok && !answer.redirected) kept.put(request, answer.clone());
    return answer;
  });
  const before = (await kept.match(request)) || (await kept.match(request, { ignoreSearch: true }));
  if (!before) return fresh;
  const soon = new Promise((resolve) => setTimeout(resolve, PATIENCE, before));
  return Promise.race([fresh.catch(() => before), soon]);
}
