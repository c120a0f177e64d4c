package responses

import "bartizan/filters"

// content reads what stands wherever the API takes content: a string, a list of parts, one part, or null.
func (r *reader) content(block filters.Block) {
	switch r.Kind() {
	case '[':
		for range r.Array() {
			r.content(block)
		}
	case '{':
		r.part(block)
	default:
		r.text("text/plain", block)
	}
}

// part reads one part of content. What carries its content is named alike in all types, so that the type need not come first. A part of
// which nothing was collected is kept whole, and so is one of an unknown type.
func (r *reader) part(block filters.Block) {
	kind := ""
	first, mark := len(r.Blocks), r.Mark()
	for name := range r.Object() {
		switch string(name) {
		case "type":
			kind = r.String()
		case "text", "refusal", "filename":
			r.text("text/plain", block)
		case "encrypted_content":
			r.sealed(block)
		case "image_url", "file_data":
			if r.Kind() == '"' {
				r.AddDataURI(block)
			} else {
				r.AddSome(block)
			}
		case "file_url":
			r.text("text/uri-list", block)
		case "file_id":
			r.file()
		case "input_audio":
			r.audio(block)
		case "annotations": // what the text cites: titles and addresses of pages, names of files
			r.AddSome(block)
		case "stdout", "stderr": // of a shell
			r.text("text/plain", block)
		}
	}
	if r.Err() == nil && (len(r.Blocks) == first || !knownPart(kind)) {
		r.AddRest(first, mark, block)
	}
	if kind == "input_file" && block.Origin == "" {
		for i := first; i < len(r.Blocks); i++ {
			r.Blocks[i].Origin = filters.OriginDocument
		}
	}
	if kind != "" && kind != "computer_screenshot" { // in whose place no text may stand
		r.Part(first, mark)
	}
}

func knownPart(kind string) bool {
	switch kind {
	case "input_text", "output_text", "text", "summary_text", "reasoning_text", "refusal", "input_image", "input_file", "input_audio",
		"computer_screenshot", "": // of a shell's output
		return true
	}
	return false
}

// audio reads {data, format}.
func (r *reader) audio(block filters.Block) {
	if r.Kind() != '{' {
		r.AddSome(block)
		return
	}
	format, first := "", len(r.Blocks)
	for name := range r.Object() {
		switch string(name) {
		case "data":
			r.text("audio/", block)
		case "format":
			format = string(r.MaybeText())
		}
	}
	if len(r.Blocks) > first && r.Blocks[first].MediaType == "audio/" {
		r.Blocks[first].MediaType += format
	}
}

// sealed collects what only the provider can read.
func (r *reader) sealed(block filters.Block) {
	block.Signed = true
	r.text("application/octet-stream", block)
}

// text collects a string as the media type. A null is as good as nothing, anything else is kept as JSON.
func (r *reader) text(mediaType string, block filters.Block) {
	if r.Kind() == '"' {
		r.AddString(mediaType, block)
	} else {
		r.AddSome(block)
	}
}

// file declares content that lies at the provider.
func (r *reader) file() {
	if id := r.MaybeText(); len(id) > 0 {
		r.declare(filters.DeclaresFile, string(id))
	}
}
