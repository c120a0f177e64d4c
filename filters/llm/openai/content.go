package openai

import "bartizan/filters"

// content reads a string, a list of content parts, or null.
func (r *reader) content(origin filters.Origin, role string) {
	switch {
	case r.Null():
	case r.Kind() == '"':
		r.AddText(filters.Block{Origin: origin, Role: role})
	default:
		for range r.Array() {
			r.part(filters.Block{Origin: origin, Role: role})
		}
	}
}

// part reads one content part. What carries its content is named like its type, so that the type need not come first. A part
// of which nothing was collected is kept whole.
func (r *reader) part(block filters.Block) {
	kind := ""
	first, mark := len(r.Blocks), r.Mark()
	for name := range r.Object() {
		switch string(name) {
		case "type":
			kind = r.String()
		case "text", "refusal":
			r.said(block)
		case "image_url", "input_audio", "file":
			switch r.Kind() {
			case '{':
				r.media(block)
			case '"': // not OpenAI's, yet some servers take it
				r.AddDataURI(block)
			}
		}
	}
	if r.Err() == nil && (len(r.Blocks) == first || !known(kind)) {
		r.AddRest(first, mark, block)
	}
	if kind == "file" {
		for i := first; i < len(r.Blocks); i++ {
			r.Blocks[i].Origin = filters.OriginDocument
		}
	}
	r.Part(first, mark)
}

func known(kind string) bool {
	switch kind {
	case "text", "refusal", "image_url", "input_audio", "file":
		return true
	}
	return false
}

// media reads {url}, {data, format} or {file_data, filename}. A file that is only named (file_id) is kept whole.
func (r *reader) media(block filters.Block) {
	format := ""
	first, mark, audio := len(r.Blocks), r.Mark(), -1
	for name := range r.Object() {
		switch string(name) {
		case "url", "file_data":
			r.AddDataURI(block)
		case "data":
			audio = len(r.Blocks)
			r.AddString("", block)
		case "format":
			format = r.String()
		case "filename":
			r.said(block)
		case "file_id": // the content lies at the provider
			r.file(block)
		}
	}
	switch {
	case r.Err() != nil:
	case len(r.Blocks) == first:
		r.AddRest(first, mark, block)
	case audio >= 0:
		r.Blocks[audio].MediaType = "audio/" + format
	}
}

// file reads the id of a file that the provider keeps.
func (r *reader) file(block filters.Block) {
	first := len(r.Blocks)
	r.said(block)
	for i := first; i < len(r.Blocks); i++ {
		r.Declare(filters.Declaration{Kind: filters.DeclaresFile, Name: string(r.Blocks[i].Data.Bytes()), Pointer: r.Blocks[i].Pointer})
	}
}
