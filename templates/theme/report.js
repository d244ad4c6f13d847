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

/** Make an element; text is always text, never markup. */
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// What the rows of the table of statistics say, read once: the table loses filtered rows.
const statistics = (() => {
  const table = document.querySelector("#statistics table");
  const heads = table ? [...table.tHead.rows[0].cells].map((cell) => cell.textContent) : [];
  const rows = new Map();
  for (const row of table ? table.tBodies[0].rows : []) rows.set(row.cells[0].id, row);
  const of = (row) => Object.fromEntries(heads.map((head, i) => [head, row.cells[i]]));
  return { table, heads, rows, of };
})();

// A number opens a card at its place: on hover, on focus and on tap. ------------------------
(() => {
  if (!HTMLElement.prototype.showPopover) return;
  const MISSING = "—";
  let shown = null; // the link whose card is open
  let timer = 0;
  let returning = false; // focus comes back to the number whose card was closed
  const card = make("span", { id: "card", popover: "manual" });
  card.setAttribute("role", "group");

  const line = (name, ...text) => {
    const words = text.filter(Boolean).join(" ");
    if (!words || words === MISSING) return [];
    return [make("span", { className: "card-line" },
      make("span", { className: "card-name", textContent: name }),
      make("span", { textContent: words }))];
  };

  const KINDS = ["value", "ci", "p", "floor", "n", "adjusted"];
  const LATEX = { "−": "$-$", "ρ": "$\\rho$", "τ": "$\\tau$", "≤": "$\\le$", "<": "$<$", ">": "$>$",
    "%": "\\%", "\u00a0": "~", "\u202f": "\\,", "†": "\\dag{}", "Δ": "$\\Delta$" };
  const copies = (link, id) => {
    const kind = link.dataset.kind.split(":")[0];
    const aspect = KINDS.includes(kind) ? kind : "apa";
    return {
      text: link.textContent.replace(/[\u00a0\u202f]/g, " "),
      LaTeX: link.textContent.replace(/[−ρτ≤<>%\u00a0\u202f†Δ]/g, (letter) => LATEX[letter]),
      "\\statvalue": `\\statvalue{${id}.${aspect}}`,
    };
  };
  const copy = (label, text) => {
    const button = make("button", { type: "button", textContent: label });
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        button.textContent = "not allowed here";
      }
      setTimeout(() => { button.textContent = label; }, 1500);
    });
    return button;
  };

  const fill = (link, cells) => {
    const said = (head) => cells[head].textContent;
    const id = said("Statistic");
    const interval = said("CI") === MISSING ? "" : said("CI");
    const rule = cells.Family.dataset.rule;
    card.replaceChildren(
      make("strong", { textContent: said("What") }),
      ...line("Estimate", said("Estimate"), interval),
      ...line("n", said("n")),
      ...line("p", said("p"), said("Floor") === MISSING ? "" : `(floor ${said("Floor")})`),
      ...line("Adjusted p", said("Adjusted p"), rule ? `(${rule}, m = ${said("m")})` : ""),
      ...line("Decision", said("Decision")),
      ...line("Method", said("Method")),
      ...line("Interval", said("CI method")),
      ...line("Test", said("p method")),
      ...line("Evidence", said("Evidence")),
      make("span", { className: "card-actions" },
        make("span", { textContent: "Copy" }),
        ...Object.entries(copies(link, id)).map(([label, text]) => copy(label, text)),
        make("a", { href: link.hash, textContent: "Row" })),
    );
    card.ariaLabel = `Statistic ${id}`;
  };

  const place = (link) => {
    const gap = 6;
    const at = link.getClientRects()[0] ?? link.getBoundingClientRect();
    const { width, height } = card.getBoundingClientRect();
    const left = Math.min(Math.max(gap, at.left), innerWidth - width - gap);
    const below = at.bottom + gap;
    const top = below + height < innerHeight ? below : Math.max(gap, at.top - height - gap);
    card.style.left = `${left}px`;
    card.style.top = `${top}px`;
  };

  const hide = () => {
    clearTimeout(timer);
    if (shown && card.isConnected) card.hidePopover();
    card.remove();
    shown = null;
  };
  const show = (link) => {
    clearTimeout(timer);
    if (shown === link) return;
    const row = statistics.rows.get(decodeURIComponent(link.hash.slice(1)));
    if (!row) return;
    hide();
    fill(link, statistics.of(row));
    link.after(card); // the next stop of the Tab key
    card.showPopover();
    shown = link;
    place(link);
  };
  const later = (action, wait) => { clearTimeout(timer); timer = setTimeout(action, wait); };
  const linkAt = (event) => event.target.closest?.("a.stat");

  let pointer = "mouse";
  document.addEventListener("pointerdown", (event) => { pointer = event.pointerType; }, true);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const link = linkAt(event);
    if (link) later(() => show(link), 200);
    else if (card.contains(event.target)) clearTimeout(timer);
    else if (shown) later(hide, 350);
    else clearTimeout(timer);
  });
  document.addEventListener("focusin", (event) => {
    const link = linkAt(event);
    if (returning) return;
    if (link?.matches(":focus-visible")) show(link);
    else if (shown && !link && !card.contains(event.target)) hide();
  });
  document.addEventListener("click", (event) => {
    const link = linkAt(event);
    if (link && pointer === "touch" && shown !== link) {
      event.preventDefault();
      show(link);
    } else if (!card.contains(event.target) || event.target.closest("a")) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    const link = shown;
    const inside = card.contains(document.activeElement);
    hide();
    returning = true;
    if (inside) link.focus();
    returning = false;
  });
  addEventListener("scroll", () => { if (shown) place(shown); }, { passive: true });
})();

// What scrolls sideways can be reached by keyboard.
for (const block of document.querySelectorAll("pre")) block.tabIndex = 0;

// Figures open at full size. -----------------------------------------------------------------
(() => {
  const dialog = make("dialog", { id: "enlarged" });
  dialog.addEventListener("click", () => dialog.close());
  for (const image of document.querySelectorAll("figure > img, figure p > img")) {
    const caption = image.closest("figure").querySelector("figcaption");
    const name = caption?.textContent.match(/^\s*(\S+\s+\S+?)[:.]/)?.[1] ?? "the figure";
    const open = () => {
      dialog.replaceChildren(image.cloneNode(), make("button", { textContent: "Close" }));
      dialog.ariaLabel = name;
      if (!dialog.isConnected) document.body.append(dialog);
      dialog.showModal();
    };
    const button = make("button", { type: "button", className: "enlarge", textContent: "Enlarge" });
    button.ariaLabel = `Enlarge ${name}`;
    button.addEventListener("click", open);
    image.addEventListener("click", open);
    image.after(button);
  }
})();

// The table of all statistics is complete without this script. DataTables, which comes with
// the page, makes it searchable, sortable and filterable as soon as there is time.
const dataTables = async () => {
  const packed = await fetch(document.getElementById("datatables").href);
  const unpacked = packed.body.pipeThrough(new DecompressionStream("gzip"));
  const source = new Blob([await new Response(unpacked).arrayBuffer()], { type: "text/javascript" });
  return import(URL.createObjectURL(source));
};

const whenIdle = window.requestIdleCallback || setTimeout;
whenIdle(async () => {
  if (!statistics.table) return;
  const box = document.getElementById("statistics");
  const bundle = await dataTables();
  bundle.set_or_remove_dark_class();
  // Numbers by their value; what is missing comes last, whichever way the column is sorted.
  const numeric = (direction) => (one, other) =>
    (one === "") - (other === "") || (one === "" ? 0 : direction * (Number(one) - Number(other)));
  bundle.default.ext.type.order["number-or-missing-asc"] = numeric(1);
  bundle.default.ext.type.order["number-or-missing-desc"] = numeric(-1);

  // The rest of a row opens below it; a button in front of its name does that.
  const more = [...statistics.table.tHead.rows[0].cells]
    .flatMap((cell, i) => (cell.classList.contains("more") ? [i] : []));
  const rest = (row) => make("dl", {}, ...more.flatMap((i) => [
    make("dt", { textContent: statistics.heads[i] }),
    make("dd", {}, ...[...row.cells[i].childNodes].map((node) => node.cloneNode(true)))]));
  for (const row of statistics.rows.values()) {
    const toggle = make("button", { type: "button", className: "toggle" });
    toggle.ariaLabel = "More of this row";
    toggle.ariaExpanded = "false";
    row.cells[0].prepend(toggle);
  }

  const experiment = statistics.heads.indexOf("Experiment");
  const table = new bundle.default(statistics.table, {
    paging: false,
    autoWidth: false,
    order: [],
    rowGroup: { dataSrc: experiment },
    ordering: { indicators: false, handler: false },
    columnControl: ["order"],
    columnDefs: [
      { targets: "number", type: "number-or-missing" },
      { targets: "fixed", orderable: false, searchable: false, columnControl: [] },
    ],
    layout: { topStart: "search", topEnd: "info", bottomStart: null, bottomEnd: null },
    language: {
      search: "Search",
      info: "_TOTAL_ statistics",
      infoFiltered: "of _MAX_",
      infoEmpty: "No statistic",
      zeroRecords: "No statistic fits.",
    },
  });
  // Rows stand in groups as long as they stand in the order of the document.
  table.on("order", () => {
    const sorted = table.order().some(([, direction]) => direction);
    if (sorted) table.rowGroup().disable();
    else table.rowGroup().enable();
  });
  statistics.table.addEventListener("click", (event) => {
    const toggle = event.target.closest("button.toggle");
    if (!toggle) return;
    const row = toggle.closest("tr");
    const child = table.row(row).child;
    const open = !child.isShown();
    if (open) child(rest(row), "rest").show();
    else child.hide();
    toggle.ariaExpanded = String(open);
  });

  // One list for each column that can be filtered; the names are whole.
  const filters = make("details", { className: "filters", open: innerWidth > 640 },
    make("summary", { textContent: "Filter" }));
  const selects = [];
  for (const [i, head] of [...statistics.table.tHead.rows[0].cells].entries()) {
    if (!head.classList.contains("filter")) continue;
    const values = [...new Set([...statistics.rows.values()].map((row) => row.cells[i].textContent))];
    if (values.length < 2) continue;
    const select = make("select", {}, make("option", { value: "", textContent: "all" }),
      ...values.map((value) => make("option", { value, textContent: value })));
    select.addEventListener("change", () => {
      const { value } = select;
      const fits = (_data, _row, index) => table.row(index).node().cells[i].textContent === value;
      table.column(i).search.fixed("list", value ? fits : null).draw();
    });
    selects.push(select);
    filters.append(make("label", {}, statistics.heads[i], select));
  }
  const all = make("button", { type: "button", textContent: "Show all" });
  const clear = () => {
    for (const select of selects) {
      if (select.value) {
        select.value = "";
        select.dispatchEvent(new Event("change"));
      }
    }
    table.search("").draw();
  };
  all.addEventListener("click", clear);
  filters.append(all);
  box.prepend(filters);
  box.classList.add("enhanced");

  // A link from the text must find its row, whatever is filtered away, and the row's header.
  const reveal = (hash) => {
    if (!hash.startsWith("#row-") || document.getElementById(hash.slice(1))) return;
    clear();
  };
  const show = () => {
    if (!location.hash.startsWith("#row-")) return;
    reveal(location.hash);
    const row = document.getElementById(location.hash.slice(1));
    if (!row) return;
    if (!row.matches(":target")) location.replace(location.hash);
    row.scrollIntoView({ block: "center" });
    box.scrollIntoView({ block: "nearest" });
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#row-"]');
    if (!link || event.defaultPrevented) return;
    reveal(link.hash);
    setTimeout(show);
  });
  addEventListener("hashchange", show);
  show();
});
