// The contents stay open beside the text and are folded away on a narrow screen; without
// this script they are simply open. The entry of the section being read is marked.
(() => {
  const contents = document.querySelector("#TOC details");
  if (!contents) return;
  const narrow = matchMedia("(max-width: 63.99rem)");
  const fit = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", fit);
  fit();
  contents.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) contents.open = false;
  });

  const entries = new Map();
  for (const link of contents.querySelectorAll("a")) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (target) entries.set(target, link);
  }
  let current = null;
  const mark = () => {
    let reached = null;
    for (const [target, link] of entries) {
      if (target.getBoundingClientRect().top > 120) break;
      reached = link;
    }
    if (reached === current) return;
    if (current) current.removeAttribute("aria-current");
    if (reached) {
      reached.setAttribute("aria-current", "true");
      if (!narrow.matches) reached.scrollIntoView({ block: "nearest" });
    }
    current = reached;
  };
  addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
  mark();
})();
