package mcp

import (
	"encoding/base64"
	"slices"
	"strings"

	"bartizan/filters"
	"bartizan/filters/redact"
	"bartizan/filters/strictjson"
)

// headerParam begins the names of headers that mirror arguments.
const headerParam = "mcp-param-"

// maxMirrors bounds the headers of one tool.
const maxMirrors = 64

// Mirrors reads the mirrors from the definition of a tool.
func Mirrors(definition []byte) []filters.Mirror {
	var found []filters.Mirror
	d := strictjson.New(definition)
	for name := range d.Object() {
		if string(name) == "inputSchema" && d.Kind() == '{' {
			found = mirrors(d, nil, found)
		}
	}
	if d.End() != nil {
		return nil
	}
	return found
}

// mirrors reads a schema. Its depth is bounded by strictjson.MaxDepth.
func mirrors(d *strictjson.Decoder, path []string, found []filters.Mirror) []filters.Mirror {
	for name := range d.Object() {
		switch {
		case string(name) == "x-mcp-header" && d.Kind() == '"':
			if header := d.String(); header != "" && len(path) > 0 && len(found) < maxMirrors {
				found = append(found, filters.Mirror{Header: headerParam + strings.ToLower(header), Path: slices.Clone(path)})
			}
		case string(name) == "properties" && d.Kind() == '{':
			for property := range d.Object() {
				if d.Kind() == '{' {
					found = mirrors(d, append(slices.Clip(path), string(property)), found)
				}
			}
		}
	}
	return found
}

// checkMirrors holds headers against the arguments. A header that no schema asks for is let on: it is not ours to know.
func checkMirrors(headers map[string]string, arguments []byte, wanted []filters.Mirror) error {
	for _, m := range wanted {
		raw, sent := headers[m.Header]
		value, is := lookUp(arguments, m.Path)
		if header, ok := plain(raw); sent != is || sent && (!ok || header != value) {
			return mismatch(m.Header)
		}
	}
	return nil
}

// lookUp finds an argument that a header can carry: a string, a whole number or a boolean, as its header writes it.
func lookUp(arguments []byte, path []string) (value string, is bool) {
	d := strictjson.New(arguments)
	descend(d, path, func() {
		switch d.Kind() {
		case '"':
			value, is = d.String(), true
		case '0', 't', 'f':
			value, is = string(d.Value()), true
		}
	})
	return value, is && d.End() == nil
}

// descend calls read where the value at path is next to be read.
func descend(d *strictjson.Decoder, path []string, read func()) {
	switch {
	case len(path) == 0:
		read()
	case d.Kind() == '{':
		for name := range d.Object() {
			if string(name) == path[0] {
				descend(d, path[1:], read)
			}
		}
	default:
		d.Skip()
	}
}

// mirrorAgain sets the headers that say what edits have changed in the body, so that they say what it says now.
func mirrorAgain(x *filters.Exchange, body []byte) error {
	if x.MCP.Era != eraModern || len(x.Edits) == 0 {
		return nil
	}
	m, err := readRequest(redact.Apply(body, x.Edits))
	if err != nil {
		return err
	}
	is, _ := admitted(m.method, true)
	say := func(header, value string) {
		if was, sent := x.Request.Headers[header]; sent && was != headerForm(value) {
			x.SetHeaders = append(x.SetHeaders, filters.Header{Name: header, Value: headerForm(value)})
		}
	}
	say(headerName, m.named(is))
	for _, mirror := range x.MCP.Mirrors {
		if value, ok := lookUp(m.arguments, mirror.Path); ok {
			say(mirror.Header, value)
		}
	}
	return nil
}

// headerForm writes a value as a header carries it: what is not plain printable ASCII as =?base64?…?=.
func headerForm(value string) string {
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.ContainsFunc(value, odd) || strings.TrimSpace(value) != value || strings.HasPrefix(value, "=?base64?") {
		return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(value)) + "?="
	}
	return value
}
