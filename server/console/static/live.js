// Owns the EventSource. Tells the page "changed", "beat", and whether the link is ok, lost or signed out.
// Nothing is replayed from memory: whoever was away fetches again.

const STREAM = "/api/v1/stream";
const SILENT_MS = 25000; // two heartbeats and a half
const AGAIN_MS = 2000;

export function listen({ changed, beat, link }) {
  let source = null;
  let heardAt = Date.now();
  let seen = null;
  let state = "connecting";
  let over = false;

  function become(next) {
    if (next === state) return;
    state = next;
    link(next);
  }

  function heard(event) {
    heardAt = Date.now();
    const { seq } = JSON.parse(event.data);
    const missed = seen !== null && seq !== seen;
    seen = seq;
    const fresh = state !== "ok"; // just connected: what happened before is not known here
    become("ok");
    if (event.type === "changed" || missed || fresh) changed();
    else beat();
  }

  function signedOut() {
    over = true;
    source.close();
    become("signed-out");
  }

  async function again() {
    if (over) return;
    try {
      const answer = await fetch("/api/v1/session", { cache: "no-store" });
      if (answer.status === 401) return signedOut();
    } catch {
      // the server is away: the next try tells
    }
    setTimeout(open, AGAIN_MS);
  }

  function open() {
    if (over) return;
    source?.close();
    heardAt = Date.now();
    const mine = new EventSource(STREAM);
    source = mine;
    mine.addEventListener("changed", heard);
    mine.addEventListener("heartbeat", heard);
    mine.addEventListener("signed-out", signedOut);
    mine.addEventListener("error", () => {
      if (mine !== source || over) return;
      become("lost");
      if (mine.readyState === EventSource.CLOSED) again(); // otherwise the browser tries by itself
    });
  }

  setInterval(() => {
    if (over || Date.now() - heardAt < SILENT_MS) return;
    become("lost");
    open(); // a line that is open and says nothing is dead
  }, 1000);
  addEventListener("online", () => state === "lost" && open());
  open();
  return { signedOut };
}
