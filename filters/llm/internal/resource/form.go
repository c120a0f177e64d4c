package resource

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	"bartizan/filters"
)

// Limits of a multipart body, far above what clients send.
const (
	MaxParts      = 1024    // of one body: a skill may be uploaded file by file
	MaxPartHeader = 8 << 10 // bytes of the headers of one part
)

// purposeBatch is the purpose of a file that holds the requests of a batch.
const purposeBatch = "batch"

// part is one part of a multipart body.
type part struct {
	field, file string // file is empty for a field
	isFile      bool
	mediaType   string
	start, end  int
}

// form reads the whole body as multipart/form-data (RFC 7578).
func (r *reader) form(body []byte, boundary string) error {
	parts, err := split(body, boundary)
	if err != nil {
		return err
	}
	batch, times := false, map[string]int{}
	for _, p := range parts {
		times[p.field]++
		r.Field(p.field)
		switch value := string(body[p.start:p.end]); p.field {
		case "purpose":
			batch = batch || value == purposeBatch
			if batch && r.x.Route.Operation == uploadCreate {
				return malformed("/purpose", batchInParts)
			}
		case "model":
			r.model(value)
		}
	}
	at := map[string]int{}
	for _, p := range parts {
		pointer := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p.field)
		if times[p.field] > 1 {
			pointer += "/" + strconv.Itoa(at[p.field])
			at[p.field]++
		}
		block := filters.Block{Role: "user", Origin: filters.OriginUser, MediaType: "text/plain", Name: p.field, Pointer: pointer, Raw: true}
		block.Data, block.Start, block.End = filters.Plain(body[p.start:p.end:p.end]), p.start, p.end
		switch {
		case p.isFile && batch:
			if err := r.lines(block); err != nil {
				return err
			}
			continue
		case p.isFile:
			block.Origin, block.MediaType, block.Name = filters.OriginDocument, p.mediaType, p.file
		}
		r.Add(block)
	}
	return r.Err()
}

// split finds the parts of body. The standard library finds them one by one, and each has to begin and end where the grammar of RFC 2046
// (section 5.1.1), read to the letter, says: no preamble, no epilogue, lines that end in CRLF, no padding, and the delimiter nowhere else.
// Clients write no other.
func split(body []byte, boundary string) ([]part, error) {
	if boundary == "" || len(boundary) > 70 {
		return nil, malformed("", "want a multipart body with one boundary of up to 70 characters")
	}
	var parts []part
	delimiter := []byte("--" + boundary)
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for at := 0; ; {
		rest, ok := bytes.CutPrefix(body[at:], delimiter)
		if ok && (string(rest) == "--" || string(rest) == "--\r\n") && bytes.Count(body, delimiter) == len(parts)+1 {
			return parts, nil
		}
		if rest, ok = bytes.CutPrefix(rest, []byte("\r\n")); !ok || len(parts) == MaxParts {
			return nil, ambiguous()
		}
		size, err := headerSize(rest)
		if err != nil {
			return nil, err
		}
		found, err := reader.NextRawPart()
		if err != nil {
			return nil, ambiguous()
		}
		p, err := describe(found.Header)
		if err != nil {
			return nil, err
		}
		length, err := io.Copy(io.Discard, found)
		p.start = len(body) - len(rest) + size
		p.end = p.start + int(length)
		if err != nil || p.end > len(body) || !bytes.HasPrefix(body[p.end:], []byte("\r\n")) {
			return nil, ambiguous()
		}
		at = p.end + len("\r\n")
		parts = append(parts, p)
	}
}

func ambiguous() error {
	return malformed("", "want a whole multipart body of up to "+strconv.Itoa(MaxParts)+" parts, which can be split in one way only")
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+:`)

// headerSize is how long the headers of a part are, with the empty line behind them. Lines are not folded.
func headerSize(b []byte) (int, error) {
	end := bytes.Index(b[:min(len(b), MaxPartHeader)], []byte("\r\n\r\n"))
	if end < 0 {
		return 0, malformed("", "want headers of up to "+strconv.Itoa(MaxPartHeader)+" bytes in each part")
	}
	for line := range bytes.SplitSeq(b[:end], []byte("\r\n")) {
		if bytes.ContainsAny(line, "\r\n\x00") || !headerName.Match(line) {
			return 0, malformed("", "want headers of one line each in the parts, which begin with a name and a colon")
		}
	}
	return end + len("\r\n\r\n"), nil
}

// describe reads the headers of a part.
func describe(h textproto.MIMEHeader) (part, error) {
	for name, values := range h {
		if len(values) > 1 {
			return part{}, malformed("", "a part has two headers "+strconv.Quote(clip(name)))
		}
	}
	disposition := h.Get("Content-Disposition")
	kind, params, err := mime.ParseMediaType(disposition)
	if err != nil || kind != "form-data" || params["name"] == "" || !namedOnce(disposition) {
		return part{}, malformed("", "want parts of form-data with one name each, and one file name at most")
	}
	p := part{field: params["name"], file: params["filename"], mediaType: "application/octet-stream"}
	_, p.isFile = params["filename"]
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "", "binary", "8bit", "7bit":
	default:
		return part{}, malformed("/"+clip(p.field), "a part has a content-transfer-encoding, which is not judged")
	}
	if contentType := h.Get("Content-Type"); contentType != "" {
		if p.mediaType, _, err = mime.ParseMediaType(contentType); err != nil || strings.HasPrefix(p.mediaType, "multipart/") {
			return part{}, malformed("/"+clip(p.field), "a part is not of one media type")
		}
	}
	return p, nil
}

// naming finds where a name is given, also as extended or in pieces (RFC 2231), which some readers prefer and others do not know.
var naming = regexp.MustCompile(`(?i)[;\s](filename|name)\s*([*0-9]*)\s*=`)

// namedOnce tells whether every reader finds the same name in a disposition, and the same file name if any.
func namedOnce(disposition string) bool {
	times := map[string]int{}
	for _, found := range naming.FindAllStringSubmatch(disposition, -1) {
		name := strings.ToLower(found[1])
		if times[name]++; found[2] != "" && (name == "name" || found[2] != "*") {
			return false
		}
	}
	return times["name"] == 1 && times["filename"] <= 1
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 100)], "") }
