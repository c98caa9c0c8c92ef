// Keeps a part of a page up to date: fetches it every two seconds and puts it in place of the old one. A button pauses it; so do a
// hidden tab, half an hour in which nobody touched the page, and a reader who prefers that nothing moves.
(() => {
  const live = () => document.querySelector("[data-live]");
  const status = document.getElementById("live-status");
  const button = document.getElementById("live-pause");
  if (!live() || !status || !button) return;
  const every = 2000;
  const longest = 30000;
  // In minutes.
  const untouched = 30;
  let pause = every;
  let timer = 0;
  let touched = Date.now();
  let isPaused = matchMedia("(prefers-reduced-motion: reduce)").matches;

  const say = (text) => { if (status.textContent !== text) status.textContent = text; };

  // Open tables stay open, and whatever has the focus keeps it.
  const replace = (next) => {
    const old = live();
    const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = old.contains(document.activeElement) ? document.activeElement.id || document.activeElement.parentElement.id : "";
    const fresh = document.importNode(next, true);
    old.replaceWith(fresh);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) {
      const again = document.getElementById(focused);
      (again?.matches("details") ? again.querySelector("summary") : again)?.focus({ preventScroll: true });
    }
  };

  const later = () => {
    clearTimeout(timer);
    if (!isPaused && !document.hidden) timer = setTimeout(update, pause);
  };

  const failed = (text) => {
    pause = Math.min(pause * 2, longest);
    say(text);
    later();
  };

  // A request for a document: its scripts do not run, and no text becomes HTML in this one.
  const update = () => {
    if (Date.now() - touched > untouched * 60000) return set(true, "Paused: nobody was here for half an hour.");
    const request = new XMLHttpRequest();
    request.open("GET", live().dataset.live);
    request.responseType = "document";
    request.timeout = 10000;
    request.onload = () => {
      const next = request.response?.querySelector("[data-live]");
      if (request.status === 200 && next) {
        pause = every;
        replace(next);
        say("Live: every 2 seconds.");
        return later();
      }
      // The sign-in is not here.
      if (request.status === 200) return set(true, "Your session has ended. Load the page again to sign in.");
      failed("No answer. Trying again.");
    };
    request.onerror = request.ontimeout = () => failed("No answer. Trying again.");
    request.send();
  };

  const set = (paused, text) => {
    isPaused = paused;
    button.textContent = paused ? "Go on" : "Pause";
    say(text);
    later();
  };

  for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => { touched = Date.now(); });
  addEventListener("visibilitychange", later);
  button.addEventListener("click", () => {
    pause = every;
    set(!isPaused, isPaused ? "Live: every 2 seconds." : "Paused.");
  });
  button.hidden = false;
  set(isPaused, isPaused ? "Paused, since you prefer that nothing moves." : "Live: every 2 seconds.");
})();
