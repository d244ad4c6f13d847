-- What Quarto and plain pandoc both need done, before either of them looks at the document:
-- callouts, and tables whose columns are as wide as what stands in them. A pipe table with long
-- source lines would get columns of relative widths that nobody asked for.

local stringify = pandoc.utils.stringify

local target = FORMAT:match("html") and "html"
  or FORMAT:match("typst")
  or FORMAT:match("docx")
  or FORMAT:match("latex")
  or "markdown"

local function raw_block(text) return pandoc.RawBlock(target, text) end

-- Callouts --------------------------------------------------------------------------------

local CALLOUTS = {
  note = "Note", tip = "Tip", warning = "Warning", important = "Important", caution = "Caution",
}

local function callout(div)
  local kind
  for _, class in ipairs(div.classes) do
    kind = kind or class:match("^callout%-(%a+)$")
  end
  -- Quarto makes its own of the others, and in HTML without Bootstrap a mere quotation.
  if not CALLOUTS[kind] or (quarto and target ~= "html") then return nil end
  local title = pandoc.Inlines(CALLOUTS[kind])
  if div.attributes.title then
    title = pandoc.utils.blocks_to_inlines(pandoc.read(div.attributes.title, "markdown").blocks)
  elseif div.content[1] and div.content[1].t == "Header" then
    title = div.content:remove(1).content
  end
  local blocks = pandoc.Blocks({})
  if target == "html" then
    local collapse = div.attributes.collapse
    local box, bar = "div", "div"
    if collapse then box, bar = "details", "summary" end
    local id = div.identifier ~= "" and (' id="' .. div.identifier .. '"') or ""
    local open = collapse == "false" and " open" or ""
    local role = collapse and "" or ' role="note"'
    blocks:insert(raw_block(("<%s class=\"callout callout-%s\"%s%s%s>\n<%s class=\"callout-header\">")
      :format(box, kind, id, role, open, bar)))
    blocks:insert(pandoc.Plain(title))
    blocks:insert(raw_block(('</%s>\n<div class="callout-body">'):format(bar)))
    blocks:extend(div.content)
    blocks:insert(raw_block(("</div>\n</%s>"):format(box)))
  elseif target == "typst" then
    blocks:insert(raw_block(('#callout(kind: "%s", title: ['):format(kind)))
    blocks:insert(pandoc.Plain(title))
    blocks:insert(raw_block("], body: ["))
    blocks:extend(div.content)
    blocks:insert(raw_block("])"))
  else
    blocks:insert(pandoc.Para({ pandoc.Strong(title) }))
    blocks:extend(div.content)
    return pandoc.BlockQuote(blocks)
  end
  return blocks
end

-- Widths of columns -------------------------------------------------------------------------

-- Of a table that is too wide for a page even in small type, columns of short cells keep
-- their width and the others share the rest in proportion to their longest cell.
local LETTER = 0.0072 -- of the width of a page, at 7 points
local SHORT = 26 -- letters

local function shares(tbl)
  local longest = {}
  local function read(row)
    for column, cell in ipairs(row.cells) do
      local letters = utf8.len(stringify(cell.contents)) or 0
      longest[column] = math.max(longest[column] or 0, letters)
    end
  end
  for _, row in ipairs(tbl.head.rows) do read(row) end
  for _, body in ipairs(tbl.bodies) do
    for _, row in ipairs(body.body) do read(row) end
  end
  local widths, fixed, rest = {}, 0, 0
  for column, letters in ipairs(longest) do
    local width = (letters + 2) * LETTER
    if letters <= SHORT then
      widths[column] = width
      fixed = fixed + width
    else
      rest = rest + width
    end
  end
  if fixed + rest <= 1 or fixed > 0.6 or rest == 0 then return {} end
  for column, letters in ipairs(longest) do
    widths[column] = widths[column] or (1 - fixed) * (letters + 2) * LETTER / rest
  end
  return widths
end

local function column_widths(tbl)
  local caption = stringify(tbl.caption.long)
  local given = tbl.attributes["tbl-colwidths"] or caption:match("tbl%-colwidths")
  if quarto and given then return nil end
  local widths = {}
  for width in (tbl.attributes["tbl-colwidths"] or ""):gmatch("[%d.]+") do
    widths[#widths + 1] = tonumber(width) / 100
  end
  tbl.attributes["tbl-colwidths"] = nil
  if #widths == 0 then widths = shares(tbl) end
  for column, spec in ipairs(tbl.colspecs) do
    spec[2] = widths[column]
    tbl.colspecs[column] = spec
  end
  return tbl
end

return { { Div = callout, Table = column_widths } }
