// What changes on the server, as it happens, for all views.
import { html, useEffect, useState } from "./html.js";
import { childOf, lastEvents, listen } from "./api.js";
import { t } from "./texts.js";

// The stream rests while nobody looks: a browser has only six connections to a
// server, for all of its windows.
const most = 100; // events are kept to be shown
const shownFirst = 30;
const again = 3000; // milliseconds until the next attempt

let after; // the last event that was seen
let live; // undefined: not known yet
let recent; // the last events, the newest first; undefined: not known yet
let changes; // one of each change, the last one first: an update of many is one
const shownTypes = "update,revert,import,jobcreation,add,delete,undelete"; // not those of the audit trail
let lost = false; // the stream has ended since the page was opened

// withEvent adds an event to changes.
function withEvent(before, event) {
  const [last, ...rest] = before;
  if (last && last.change === event.change) return [{ ...last, others: true }, ...rest];
  return [event, ...before].slice(0, most);
}

function setLive(is) {
  live = is;
  window.dispatchEvent(new Event("platen:live"));
}

const visible = () => document.visibilityState === "visible";
const wait = (signal) => new Promise((done) => {
  const timer = setTimeout(done, again);
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});

// know takes events as those that are the last, the newest last.
function know(events) {
  recent = events.toReversed();
  changes = events.reduce(withEvent, []);
  window.dispatchEvent(new Event("platen:recent"));
}

// begin reads what has changed last, after which the stream goes on.
async function begin(signal) {
  const page = await lastEvents({ last: shownFirst, type: shownTypes }, signal);
  know(page.events.map((event) => ({ ...event.data, key: event.id })));
  after = page.after;
}

// follow tells of events until the page is hidden or its user has gone.
async function follow(signal) {
  while (!signal.aborted) {
    let begun = Infinity;
    const cut = new AbortController(); // a stream says nothing of a network that is gone
    window.addEventListener("offline", () => cut.abort(), { signal: cut.signal });
    try {
      const missed = lost && after === undefined;
      if (after === undefined) await begin(signal);
      await listen(after, AbortSignal.any([signal, cut.signal]), () => {
        begun = Date.now();
        setLive(true);
        // Without an event to go on after it is not known what has happened.
        if (missed) window.dispatchEvent(new Event("platen:again"));
      }, (id, event) => {
        after = id;
        if (event.kind) {
          recent = [event, ...recent].slice(0, most);
          changes = withEvent(changes, event);
        }
        window.dispatchEvent(new CustomEvent("platen:event", { detail: event }));
      });
    } catch (error) {
      if (error.status === 410 || error.status === 400) after = undefined; // it is no longer kept, or a sandbox was reset
      if (error.status === 409) { // this server keeps no log
        know([]);
        return setLive(false);
      }
    } finally {
      cut.abort();
    }
    lost = true;
    // One that has lasted was ended by the server for a good reason, such as a
    // session that goes on by another token: nobody needs to see that.
    if (Date.now() - begun > again) continue;
    setLive(false);
    if (!signal.aborted) await wait(signal);
  }
}

// useEvents follows while somebody is logged in.
export function useEvents(on) {
  useEffect(() => {
    let abort;
    const set = () => {
      if (on && visible() && !abort) follow((abort = new AbortController()).signal);
      if (!visible()) {
        abort?.abort();
        abort = undefined;
      }
    };
    set();
    document.addEventListener("visibilitychange", set);
    return () => {
      document.removeEventListener("visibilitychange", set);
      abort?.abort();
    };
  }, [on]);
}

// useRecent returns the last events, the newest first, or undefined before they are
// known; or of each change one, which has others if there are some.
export function useRecent({ oneOfEach } = {}) {
  const now = () => (oneOfEach ? changes : recent);
  const [events, set] = useState(now);
  useEffect(() => {
    const heard = () => set(now);
    for (const name of ["platen:event", "platen:recent"]) window.addEventListener(name, heard);
    heard();
    return () => {
      for (const name of ["platen:event", "platen:recent"]) window.removeEventListener(name, heard);
    };
  }, []);
  return events;
}

// Live says whether events arrive.
export function Live() {
  const [is, set] = useState(live);
  useEffect(() => {
    const heard = () => set(live);
    window.addEventListener("platen:live", heard);
    heard(); // it may be known since this was drawn
    return () => window.removeEventListener("platen:live", heard);
  }, []);
  return html`<span class=${is === false ? "live off" : is ? "live" : "quiet"} role="status">${is === false ? t.notLive : is ? t.live : ""}</span>`;
}

// useEvent calls run after events that concern a view: once for many of them.
export function useEvent(concerns, run, dependencies) {
  useEffect(() => {
    let timer;
    const heard = ({ detail }) => {
      if (timer || !concerns(detail)) return;
      timer = setTimeout(() => {
        timer = undefined;
        run();
      }, 500);
    };
    window.addEventListener("platen:event", heard);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("platen:event", heard);
    };
  }, dependencies);
}

// isIn reports whether entities of a kind are in sets of another.
export function isIn(kind, set) {
  for (let one = set; one; one = childOf[one] === one ? undefined : childOf[one]) if (one === kind) return true;
  return false;
}
