package gemini

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bartizan/filters"
)

// target reads from the address of the request which model it asks, and whether the answer is to be streamed. It refuses what would
// make the provider read the request as another one than was judged.
func target(x *filters.Exchange) (model string, stream bool, err error) {
	if err := unmasked(x); err != nil {
		return "", false, err
	}
	_, model, _ = strings.Cut(x.Request.Path, "/models/")
	model, _ = strings.CutSuffix(model, ":"+x.Route.Operation)
	if !isModel(model) {
		return "", false, malformed("", "the path names no model: want /models/{model}:"+x.Route.Operation+
			", the model of letters, digits, '.', '_' and '-'")
	}
	stream, err = streams(x.Request.Query)
	return model, stream || x.Route.Operation == "streamGenerateContent", err
}

// isModel: nothing that any reader of the path could take for more than one segment's plain text.
func isModel(s string) bool {
	for i, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return s != ""
}

// unmasked refuses the header that leaves parts of the answer out.
func unmasked(x *filters.Exchange) error {
	if _, sent := x.Request.Headers["x-goog-fieldmask"]; sent {
		return malformed("", "the header x-goog-fieldmask is not taken here: it leaves parts of the answer out")
	}
	return nil
}

// streams reads from the query whether a stream of events is asked for.
func streams(query string) (bool, error) {
	values, err := parameters(query)
	if err != nil {
		return false, err
	}
	switch alt := append(values["alt"], values["$alt"]...); {
	case len(alt) == 0 || len(alt) == 1 && alt[0] == "json":
		return false, nil
	case len(alt) == 1 && alt[0] == "sse":
		return true, nil
	}
	return false, malformed("", "the parameter alt is json or sse, once")
}

// parameters reads the query (https://cloud.google.com/apis/docs/system-parameters). All but the form of the answer and what the operation takes
// is refused: among the system parameters are such as set other headers, and such as leave parts of the answer out.
func parameters(query string, taken ...string) (url.Values, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, malformed("", "the query of the address cannot be read")
	}
	for name := range values {
		if !slices.Contains(append(taken, "alt", "$alt", "prettyPrint", "$prettyPrint"), name) {
			return nil, malformed("", "the parameter "+strconv.Quote(name[:min(len(name), 100)])+" in the address is not taken here")
		}
	}
	return values, nil
}

func malformed(pointer, message string) error {
	return &filters.BodyError{Kind: filters.RefusedMalformed, Pointer: pointer, Message: message}
}
