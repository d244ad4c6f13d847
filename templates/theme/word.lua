-- Tables for Word, which lays them out badly on its own: columns as wide as what stands in
-- them, and small type where there are many. The paragraph styles are in reference.docx.

local stringify = pandoc.utils.stringify

-- By paragraph style, the width of a letter (in twentieths of a point, as Word counts).
local LETTER = { ["Table Text"] = 110, ["Table Small Text"] = 86 }
local PADDING = 2 * 57 + 56 -- of a cell, left and right, with some air
local MANY = 10 -- columns: such a table stands on a page of its own orientation
local TEXT = 9638 -- width of the text on A4 with margins of 2 cm
local TURNED = 14570 -- the same on a page on its side

local function longest_word(text)
  local longest = 0
  for word in text:gmatch("%S+") do longest = math.max(longest, utf8.len(word) or #word) end
  return longest
end

local function each_cell(rows, visit)
  for _, row in ipairs(rows) do
    for column, cell in ipairs(row.cells) do visit(cell, column) end
  end
end

-- Columns keep the width that they want up to a limit that makes all of them fit.
local function limited(wanted, room)
  local sorted, left, limit = { table.unpack(wanted) }, room, math.huge
  table.sort(sorted)
  for i, width in ipairs(sorted) do
    local share = left / (#sorted - i + 1)
    if width > share then
      limit = share
      break
    end
    left = left - width
  end
  local widths = {}
  for column, width in ipairs(wanted) do widths[column] = math.min(width, limit) end
  return widths
end

-- No word is broken while there is room for all; what is left goes to the long cells.
local function shared(words, cells, page)
  local needed, rest = 0, {}
  for column, width in ipairs(words) do
    needed = needed + width
    rest[column] = math.max(cells[column] - width, 0)
  end
  if needed >= page then return limited(words, page) end
  local widths = limited(rest, page - needed)
  for column, width in ipairs(words) do widths[column] = widths[column] + width end
  return widths
end

local function restyled(cell, style)
  cell.contents = {
    pandoc.Div(cell.contents:map(function(block)
      return block.t == "Plain" and pandoc.Para(block.content) or block
    end), { ["custom-style"] = style }),
  }
end

function Table(tbl)
  local many = #tbl.colspecs >= MANY
  local style, page = "Table Text", TEXT
  if many then style, page = "Table Small Text", TURNED end
  local words, cells = {}, {}
  for column = 1, #tbl.colspecs do
    words[column], cells[column] = PADDING, PADDING
  end
  local function measure(cell, column, broken)
    local text = stringify(cell.contents)
    local word = longest_word(text) * LETTER[style] + PADDING
    local whole = (utf8.len(text) or #text) * LETTER[style] + PADDING
    words[column] = math.max(words[column], word)
    cells[column] = math.max(cells[column], broken and word or whole)
  end
  each_cell(tbl.head.rows, function(cell, column) measure(cell, column, true) end)
  for _, body in ipairs(tbl.bodies) do each_cell(body.body, measure) end
  for column, width in ipairs(shared(words, cells, page)) do
    local spec = tbl.colspecs[column]
    spec[2] = width / page
    tbl.colspecs[column] = spec
  end
  each_cell(tbl.head.rows, function(cell) restyled(cell, style) end)
  for _, body in ipairs(tbl.bodies) do
    each_cell(body.body, function(cell) restyled(cell, style) end)
  end
  return tbl
end
