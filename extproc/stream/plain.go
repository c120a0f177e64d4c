package stream

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters"
)

// plain refuses what has no protocol yet: a path that no route names.
type plain struct{}

// Refuse answers in a JSON form of our own.
func (plain) Refuse(_ *filters.Exchange, r filters.Refusal) filters.Reply {
	body := []byte(`{"error":{"type":`)
	body, _ = jsontext.AppendQuote(body, string(r.Kind)) // errs on invalid UTF-8 only, and still appends a valid string
	body = append(body, `,"message":`...)
	body, _ = jsontext.AppendQuote(body, r.Text())
	return filters.Reply{
		Status:  plainStatus(r.Kind),
		Headers: []filters.Header{{Name: "content-type", Value: "application/json"}, {Name: DecisionHeader, Value: r.DecisionID}},
		Body:    append(body, "}}"...),
	}
}

func plainStatus(kind filters.RefusalKind) int {
	switch kind {
	case filters.RefusedUnknown:
		return http.StatusNotFound
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusForbidden
	}
}
