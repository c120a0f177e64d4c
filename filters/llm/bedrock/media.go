package bedrock

import (
	"bytes"
	"encoding/base64"
	"strings"

	"bartizan/filters"
)

// media reads an image, a video, a recording or a document: {format, source} and, of a document, {name, context, citations}.
func (r *reader) media(kind string, origin filters.Origin) (ok bool) {
	var format string
	ok = true
	first := len(r.Blocks)
	for name := range r.Object() {
		switch member := string(name); {
		case member == "format":
			format = string(r.MaybeText())
		case member == "source" && r.Kind() == '{':
			ok = r.source(origin) && ok
		case (member == "name" || member == "context") && r.Kind() == '"': // a model may take them for instructions
			r.AddText(filters.Block{Origin: origin})
		case member == "citations", r.Null():
		default:
			ok = false
		}
	}
	mediaType := mediaType(kind, format)
	for i := first; i < len(r.Blocks); i++ {
		if b := &r.Blocks[i]; b.MediaType == "" {
			b.MediaType = mediaType
			plain(b)
		}
	}
	return ok
}

// plain turns the base64 of a text into the text, so that it is judged as one.
func plain(b *filters.Block) {
	if !strings.HasPrefix(b.MediaType, "text/") {
		return
	}
	text, err := base64.StdEncoding.AppendDecode(nil, b.Data.Bytes())
	if err != nil {
		b.MediaType = "application/octet-stream" // AWS will not take it
		return
	}
	b.Data = filters.Plain(bytes.ToValidUTF8(text, []byte("?"))) // of one byte: a text that is as long as what stands in the body would count as JSON
}

// source reads where media come from: data (base64), a text, a list of texts, or an object in S3.
func (r *reader) source(origin filters.Origin) (ok bool) {
	ok = true
	for name := range r.Object() {
		block := filters.Block{Origin: origin}
		switch member, kind := string(name), r.Kind(); {
		case kind == 'n':
		case member == "bytes" && kind == '"':
			r.AddString("", block)
		case member == "text" && kind == '"':
			r.AddText(block)
		case member == "content" && kind == '[':
			r.parts(origin)
		case member == "s3Location" && kind == '{':
			r.s3(block)
		default:
			ok = false
		}
	}
	return ok
}

// s3 reads {uri, bucketOwner}: content that the gateway does not see.
func (r *reader) s3(block filters.Block) {
	for name := range r.Object() {
		if string(name) == "uri" && r.Kind() == '"' {
			r.AddString("text/uri-list", block)
			if r.Err() == nil {
				uri := string(r.Blocks[len(r.Blocks)-1].Data.Bytes())
				r.Declare(filters.Declaration{Kind: filters.DeclaresFile, Name: uri, Pointer: r.Pointer()})
			}
		}
	}
}

// mediaType is that of a format, as the API names it by the extension of a file.
func mediaType(kind, format string) string {
	if kind != "document" {
		if format == "" {
			return "application/octet-stream"
		}
		return kind + "/" + format
	}
	switch format {
	case "pdf":
		return "application/pdf"
	case "docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case "xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case "doc":
		return "application/msword"
	case "xls":
		return "application/vnd.ms-excel"
	case "txt":
		return "text/plain"
	case "md":
		return "text/markdown"
	case "csv", "html":
		return "text/" + format
	default:
		return "application/octet-stream"
	}
}
