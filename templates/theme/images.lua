-- Each format gets the kind of picture it can hold: Word and GitHub take no PDF,
-- Word takes no SVG, LaTeX takes PDF. The three files stand side by side in figures/.

local extension = { docx = ".png", latex = ".pdf", pdf = ".pdf", beamer = ".pdf" }

function Image(image)
  local wanted = extension[FORMAT]
  if wanted then
    image.src = image.src:gsub("%.svg$", wanted)
  end
  return image
end
