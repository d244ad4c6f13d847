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

// The table of all statistics is complete without this script. DataTables, which comes with
// the page, makes it searchable, sortable and filterable as soon as there is time.
const whenIdle = window.requestIdleCallback || setTimeout;
whenIdle(async () => {
  const statistics = document.querySelector("#statistics table");
  if (!statistics) return;
  const bundle = await import(document.getElementById("datatables").href);
  bundle.set_or_remove_dark_class();
  // Numbers by their value; what is missing comes last, whichever way the column is sorted.
  const numeric = (direction) => (one, other) =>
    (one === "") - (other === "") || (one === "" ? 0 : direction * (Number(one) - Number(other)));
  bundle.default.ext.type.order["number-or-missing-asc"] = numeric(1);
  bundle.default.ext.type.order["number-or-missing-desc"] = numeric(-1);
  const table = new bundle.default(statistics, {
    paging: false,
    autoWidth: false,
    order: [],
    ordering: { indicators: false, handler: false },
    columnControl: ["order"],
    columnDefs: [
      { targets: "number", type: "number-or-missing" },
      { targets: "listed", columnControl: ["order", ["searchList"]] },
      { targets: "fixed", orderable: false, searchable: false, columnControl: [] },
    ],
    layout: {
      topStart: "search",
      topEnd: ["info", { buttons: ["ccSearchClear"] }],
      bottomStart: null,
      bottomEnd: null,
    },
    language: {
      search: "Search",
      info: "_TOTAL_ statistics",
      infoFiltered: "of _MAX_",
      infoEmpty: "No statistic",
      zeroRecords: "No statistic fits.",
      columnControl: { buttons: { searchClear: "Show all" }, dropdown: "Filter" },
    },
  });

  // A link from the text must find its row, whatever is filtered away, and the row's header.
  const box = document.getElementById("statistics");
  const reveal = (hash) => {
    if (!hash.startsWith("#row-") || document.getElementById(hash.slice(1))) return;
    table.search("").columns().columnControl.searchClear();
    table.draw();
  };
  const show = () => {
    if (!location.hash.startsWith("#row-")) return;
    reveal(location.hash);
    const row = document.getElementById(location.hash.slice(1));
    if (!row) return;
    if (!row.matches(":target")) location.replace(location.hash);
    row.scrollIntoView({ block: "center" });
    box.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#row-"]');
    if (!link) return;
    reveal(link.hash);
    setTimeout(show);
  }, true);
  addEventListener("hashchange", show);
  show();
});
