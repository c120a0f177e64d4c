package request

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// textual are media types of texts beside text/*.
var textual = []string{
	"application/json", "application/xml", "application/javascript", "application/x-javascript", "application/typescript",
	"application/x-typescript", "application/x-python", "application/yaml", "application/x-yaml", "application/x-sh", "application/sql",
	"application/toml", "application/rtf", "application/x-ndjson", "application/jsonl", "application/csv",
}

// Decoded is the text of a media type that data holds in base64, so that rules can read it: of either alphabet, with padding or without,
// and with white space, as parsers take it. What is not UTF-8 in it becomes a question mark, so that a text is never longer than data. It is data
// itself where the type is none of text, or there is no base64.
func Decoded(mediaType string, data []byte) []byte {
	if !strings.HasPrefix(mediaType, "text/") && !slices.Contains(textual, mediaType) {
		return data
	}
	plain := bytes.Map(func(c rune) rune {
		switch c {
		case '-':
			return '+'
		case '_':
			return '/'
		case ' ', '\t', '\r', '\n', '\f', '\v':
			return -1
		}
		return c
	}, data)
	text, err := base64.RawStdEncoding.AppendDecode(nil, bytes.TrimRight(plain, "="))
	if err != nil {
		return data
	}
	return bytes.ToValidUTF8(text, []byte("?"))
}
