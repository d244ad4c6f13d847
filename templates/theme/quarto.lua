-- Quarto's dialect for plain pandoc: conditional content, numbered floats and cross
-- references. There are no short codes: `{{< … >}}` is text. Runs before citeproc, so that
-- `@fig-x` is never taken for a citation. What cannot be resolved stops the run with a message
-- that names it.

local stringify = pandoc.utils.stringify

local target = FORMAT:match("html") and "html"
  or FORMAT:match("typst")
  or FORMAT:match("docx")
  or FORMAT:match("latex")
  or "markdown"

local LABELS = { fig = "Figure", tbl = "Table", sec = "Section", eq = "Equation" }
local NBSP = "\u{a0}"

local problems = pandoc.List()
local function problem(text)
  if not problems:includes(text) then problems:insert(text) end
end

local function raw(text) return pandoc.RawInline(target, text) end
local function raw_block(text) return pandoc.RawBlock(target, text) end
local function escaped(text)
  return (text:gsub("[\\\"]", "\\%0"):gsub("%s+", " "))
end

-- Conditional content ---------------------------------------------------------------------

local ALIASES = { pdf = "latex", ["html:js"] = "html" }
local function named(format)
  return (ALIASES[format] or format) == target
end

local function conditional(element)
  local classes, attributes = element.classes, element.attributes
  local hide = classes:includes("content-hidden")
  if not hide and not classes:includes("content-visible") then return nil end
  local holds = true
  if attributes["when-format"] then holds = named(attributes["when-format"]) end
  if attributes["unless-format"] then holds = not named(attributes["unless-format"]) end
  if hide == holds then return {} end
  return element.content
end

-- Pages ------------------------------------------------------------------------------------

local function landscape(div)
  if not div.classes:includes("landscape") then return nil end
  if target ~= "typst" then return div.content end
  local blocks = pandoc.Blocks({ raw_block("#page(flipped: true)[") })
  blocks:extend(div.content)
  blocks:insert(raw_block("]"))
  return blocks
end

-- Numbers ---------------------------------------------------------------------------------

local numbers, seen, counts, sections = {}, {}, { fig = 0, tbl = 0, eq = 0 }, {}

local function register(id, kind)
  counts[kind] = counts[kind] + 1
  numbers[id] = tostring(counts[kind])
end

local function number_section(header)
  if header.classes:includes("unnumbered") then
    numbers[header.identifier] = false
    return
  end
  for level = header.level + 1, #sections do sections[level] = nil end
  for level = #sections + 1, header.level - 1 do sections[level] = 0 end
  sections[header.level] = (sections[header.level] or 0) + 1
  numbers[header.identifier] = table.concat(sections, ".")
end

local function equation_id(para)
  local last = para.content[#para.content]
  return last and last.t == "Str" and last.text:match("^{#(eq%-[%w-]+)}$") or nil
end

local function number(doc)
  local function label(element)
    local id = element.identifier
    if id ~= "" then
      if seen[id] then problem("the label #" .. id .. " is given twice") end
      seen[id] = true
    end
  end
  local function float(element)
    label(element)
    local kind = element.identifier:match("^(%a+)%-")
    if (kind == "fig" and element.t == "Figure") or (kind == "tbl" and element.t == "Table") then
      register(element.identifier, kind)
    end
  end
  doc:walk({
    traverse = "topdown",
    Header = function(header)
      label(header)
      number_section(header)
    end,
    Figure = float,
    Table = float,
    Div = label,
    Span = label,
    Para = function(para)
      local id = equation_id(para)
      if id then register(id, "eq") end
    end,
  })
end

-- Cross references --------------------------------------------------------------------------

local function reference(citation)
  local id = citation.id:sub(1, 1):lower() .. citation.id:sub(2)
  local kind = id:match("^(%a+)%-")
  local text = numbers[id]
  if text == nil then
    problem("@" .. citation.id .. " refers to nothing in the document")
  elseif text == false then
    problem("@" .. citation.id .. " refers to a section without a number; use a link")
  end
  local bare = citation.mode == "SuppressAuthor"
  if target == "typst" then
    return pandoc.Inlines({ raw(("#ref(<%s>%s)"):format(id, bare and ", supplement: none" or "")) })
  end
  local label = pandoc.Inlines({})
  if #citation.prefix > 0 then
    label:extend(citation.prefix)
    label:insert(pandoc.Str(NBSP))
  elseif not bare then
    label:insert(pandoc.Str(LABELS[kind] .. NBSP))
  end
  if target == "latex" then
    label:insert(raw("\\ref{" .. id .. "}"))
    return label
  end
  label:insert(pandoc.Str(text or "?"))
  return pandoc.Inlines({ pandoc.Link(label, "#" .. id, "", { class = "quarto-xref" }) })
end

local function cross_reference(cite)
  local out, foreign = pandoc.Inlines({}), 0
  for position, citation in ipairs(cite.citations) do
    if LABELS[citation.id:lower():match("^(%a+)%-") or ""] then
      if position > 1 then out:extend({ pandoc.Str(","), pandoc.Space() }) end
      out:extend(reference(citation))
    else
      foreign = foreign + 1
    end
  end
  if foreign == 0 then return out end
  if #out > 0 then problem("a citation mixes works and cross references: " .. stringify(cite)) end
end

-- Floats ------------------------------------------------------------------------------------

local function prefixed(caption, kind, id)
  local label = LABELS[kind] .. NBSP .. numbers[id] .. ": "
  local blocks = caption.long
  if #blocks == 0 then blocks = pandoc.Blocks({ pandoc.Plain({}) }) end
  blocks[1].content:insert(1, pandoc.Str(label))
  return blocks
end

local function typst_float(kind, id, body, caption)
  local place = kind == "tbl" and "top" or "bottom"
  local blocks = pandoc.Blocks({ raw_block("#figure([") })
  blocks:extend(body)
  blocks:insert(raw_block(("], caption: figure.caption(position: %s, ["):format(place)))
  blocks:extend(caption)
  blocks:insert(raw_block(('\n]), kind: "quarto-float-%s", supplement: "%s")<%s>'):format(
    kind, LABELS[kind], id)))
  return blocks
end

local function image(img)
  local alt = img.attributes["fig-alt"]
  img.attributes["fig-alt"] = nil
  if alt then img.caption = pandoc.Inlines(alt) end
  if target ~= "typst" then return img end
  local width = img.attributes.width and (", width: " .. img.attributes.width) or ""
  return raw(('#box(image("%s", alt: "%s"%s))'):format(
    escaped(img.src), escaped(stringify(img.caption)), width))
end

local function figure(fig)
  local id = fig.identifier
  if not numbers[id] then return nil end
  if target == "typst" then return typst_float("fig", id, fig.content, fig.caption.long) end
  if target ~= "latex" then fig.caption.long = prefixed(fig.caption, "fig", id) end
  return fig
end

local function tabular(tbl)
  local id = tbl.identifier
  if target == "typst" then tbl.classes:insert("typst:no-figure") end
  if target == "typst" and numbers[id] then
    local caption = tbl.caption.long
    tbl.identifier, tbl.caption = "", { long = {} }
    return typst_float("tbl", id, { tbl }, caption), false
  end
  if target == "html" then
    local label = numbers[id] and ("Table " .. numbers[id]) or "Table"
    local caption = numbers[id] and prefixed(tbl.caption, "tbl", id) or tbl.caption.long
    tbl.identifier, tbl.caption = "", { long = {} }
    local blocks = pandoc.Blocks({
      raw_block(('<figure class="quarto-float quarto-float-tbl"%s>'):format(
        id ~= "" and (' id="' .. id .. '"') or "")),
    })
    if #caption > 0 then
      blocks:insert(raw_block("<figcaption>"))
      blocks:extend(caption)
      blocks:insert(raw_block("</figcaption>"))
    end
    blocks:insert(raw_block(
      ('<div class="table-scroll" tabindex="0" role="region" aria-label="%s">'):format(label)))
    blocks:insert(tbl)
    blocks:insert(raw_block("</div>\n</figure>"))
    return blocks, false
  end
  if target ~= "latex" and numbers[id] then tbl.caption.long = prefixed(tbl.caption, "tbl", id) end
  if target == "markdown" and numbers[id] then -- which has no place for a table's attributes
    local caption = tbl.caption.long
    caption[1].content = { pandoc.Span(caption[1].content, { id = id }) }
    tbl.identifier, tbl.caption = "", { long = caption }
  end
  return tbl
end

-- Equations ---------------------------------------------------------------------------------

-- PDF/UA wants every formula described; its own source is what a listener can use.
local function typst_math(math, id)
  local block = math.mathtype == "DisplayMath"
  local body = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ math }) }), "typst"):gsub("%s+$", "")
  local numbering = id and ', numbering: "(1)"' or ""
  local source = escaped(math.text:match("^%s*(.-)%s*$"))
  return raw(('#math.equation(block: %s%s, alt: "%s", %s)%s'):format(
    tostring(block), numbering, source, body, id and ("<" .. id .. ">") or ""))
end

local function equation(para)
  local id = equation_id(para)
  if not id then return nil end
  para.content:remove(#para.content)
  while #para.content > 0 and para.content[#para.content].t ~= "Math" do
    para.content:remove(#para.content)
  end
  local math = para.content[#para.content]
  if not math then return nil end
  if target == "typst" then
    para.content[#para.content] = typst_math(math, id)
  elseif target == "latex" then
    para.content[#para.content] =
      raw(("\\begin{equation}\\label{%s}%s\\end{equation}"):format(id, math.text))
  else
    local label = pandoc.Span({ pandoc.Str("(" .. numbers[id] .. ")") }, { class = "equation-number" })
    para.content[#para.content] =
      pandoc.Span({ math, pandoc.Space(), label }, { id = id, class = "equation" })
  end
  return para
end

-- Front matter ------------------------------------------------------------------------------

local MONTHS = {
  "January", "February", "March", "April", "May", "June", "July",
  "August", "September", "October", "November", "December",
}

local function as_list(value)
  return pandoc.utils.type(value) == "List" and value or pandoc.List({ value })
end

-- Into the shape that Quarto gives to templates, so that both use the same ones.
local function front_matter(meta)
  local people, names = pandoc.List(), pandoc.List()
  for _, author in ipairs(as_list(meta.author)) do
    local name, places = author, pandoc.List()
    if pandoc.utils.type(author) == "table" then
      name = author.name
      for _, place in ipairs(as_list(author.affiliations or author.affiliation)) do
        places:insert({ name = pandoc.utils.type(place) == "table" and place.name or place })
      end
    end
    names:insert(name)
    people:insert({ name = { literal = name }, affiliations = places })
  end
  meta.author, meta["by-author"] = names, people
  local year, month, day = stringify(meta.date or ""):match("^(%d+)-(%d+)-(%d+)$")
  if year then
    meta["date-iso"] = stringify(meta.date)
    meta.date = ("%d %s %s"):format(tonumber(day), MONTHS[tonumber(month)], year)
  end
  return meta
end

-- The run -----------------------------------------------------------------------------------

local function check_citations(doc)
  local known = {}
  for _, item in ipairs(pandoc.utils.references(doc)) do known[item.id] = true end
  doc:walk({
    Cite = function(cite)
      for _, citation in ipairs(cite.citations) do
        if not known[citation.id] then
          problem("@" .. citation.id .. " is cited but is not in the bibliography")
        end
      end
    end,
  })
end

function Pandoc(doc)
  doc = doc:walk({ Div = conditional, Span = conditional })
  doc = doc:walk({ Div = landscape })
  number(doc)
  doc = doc:walk({ Cite = cross_reference })
  doc = doc:walk({ Para = equation })
  if target == "typst" then doc = doc:walk({ Math = function(m) return typst_math(m) end }) end
  doc = doc:walk({ Image = image })
  doc = doc:walk({ traverse = "topdown", Figure = figure, Table = tabular })
  if target == "markdown" then
    doc = doc:walk({
      Header = function(header)
        if numbers[header.identifier] then
          header.content:insert(1, pandoc.Str(numbers[header.identifier] .. " "))
          return header
        end
      end,
    })
  end
  check_citations(doc)
  doc.meta = front_matter(doc.meta)
  if #problems > 0 then error("\n" .. table.concat(problems, "\n") .. "\n", 0) end
  return doc
end
