package resource

import (
	"bytes"
	"strconv"

	"bartizan/filters"
)

// batchable are the calls of which a batch may be, by their url (https://platform.openai.com/docs/api-reference/batch/request-input).
func batchable(url string) (operation string, ok bool) {
	switch url {
	case "/v1/chat/completions":
		return "chat.completions", true
	case "/v1/responses":
		return "responses", true
	case "/v1/embeddings":
		return embeddings, true
	}
	return "", false
}

// lines reads a file of which each line is a request of a batch: {custom_id, method, url, body}.
func (r *reader) lines(file filters.Block) error {
	at, n := file.Start, 0
	for line := range bytes.Lines(file.Data.Bytes()) {
		if bytes.ContainsRune(bytes.TrimSuffix(line, []byte("\r\n")), '\r') { // some readers begin a line behind it
			return malformed(file.Pointer+"/"+strconv.Itoa(n), "want lines that end in LF or CRLF")
		}
		if len(bytes.TrimSpace(line)) > 0 {
			here := place{at, file.Pointer + "/" + strconv.Itoa(n)}
			if err := r.line(line, here); err != nil {
				return err
			}
			n++
		}
		at += len(line)
	}
	return nil
}

func (r *reader) line(line []byte, here place) error {
	var (
		url   string
		body  []byte
		start int
		l     = newReader(r.codec, r.x, line)
	)
	for name := range l.Object() {
		switch string(name) {
		case "url":
			url = l.String()
		case "body":
			body = l.Value()
			start, _ = l.Range()
		default:
			l.value(content(string(name)))
		}
	}
	if err := l.End(); err != nil {
		return within(err, here.pointer)
	}
	operation, ok := batchable(url)
	if !ok || body == nil {
		return malformed(here.pointer, "want a request with the body of a call of /v1/chat/completions, /v1/responses or /v1/embeddings")
	}
	for _, b := range l.Blocks {
		r.Add(here.move(b))
	}
	first := len(r.Blocks)
	err := r.call(operation, body, place{here.start + start, here.pointer + "/body"})
	for i := first; i < len(r.Blocks); i++ {
		r.Blocks[i].Part = filters.Span{} // its form depends on the call, of which the file may have several kinds
	}
	return err
}
