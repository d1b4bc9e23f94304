// The session goes on while the page is used: it would end in the middle of work.
import { useEffect } from "./html.js";
import { renew } from "./api.js";

const soonest = 1000; // milliseconds between two renewals
const again = 30_000; // after one that did not reach the server
const uses = ["pointerdown", "keydown", "input", "focus"];

// useSession renews the session after half of its time, if the page was used
// since, or else at its next use.
export function useSession(on) {
  useEffect(() => {
    if (!on) return undefined;
    let timer, due = true, used = true, stopped = false;
    const set = (run, after) => {
      clearTimeout(timer);
      timer = setTimeout(run, Math.max(soonest, after));
    };
    const go = async () => {
      [due, used] = [false, false];
      try {
        const { seconds } = await renew();
        if (!stopped && seconds !== undefined) set(check, seconds * 500);
      } catch (error) {
        if (!stopped && error.status === 0) set(check, again);
      }
    };
    const check = () => {
      due = true;
      if (used) go();
    };
    const use = () => {
      used = true;
      if (due) go();
    };
    for (const name of uses) window.addEventListener(name, use, { capture: true, passive: true });
    go();
    return () => {
      stopped = true;
      clearTimeout(timer);
      for (const name of uses) window.removeEventListener(name, use, { capture: true });
    };
  }, [on]);
}
