(() => {
  "use strict";
  const every = 5000;
  const live = document.getElementById("live");
  let seen = new Date();
  const say = (text, stale) => { live.textContent = text; live.className = stale ? "stale" : "soft"; };
  const fine = () => say(`Refreshes itself every ${every / 1000} s.`, false);
  const refresh = async () => {
    // What somebody is about to copy stays as it is, and nobody looks at a page that is hidden.
    if (!document.hidden && getSelection().isCollapsed) {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        if (!answer.ok) throw new Error(`${answer.status}`);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of ["head", "facts"]) {
          document.getElementById(part).replaceWith(document.importNode(page.getElementById(part), true));
        }
        document.title = page.title;
        seen = new Date();
        fine();
      } catch {
        say(`The agent has not answered since ${seen.toLocaleTimeString()}: what stands below is old.`, true);
      }
    }
    setTimeout(refresh, every);
  };
  fine();
  setTimeout(refresh, every);
})();
