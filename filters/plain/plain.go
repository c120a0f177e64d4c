// Package plain refuses what has no protocol: a request whose path no route names. The form is JSON of our own.
//
// It is stateless and safe for concurrent use, and it never fails.
package plain

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters"
)

// Refuser writes refusals as {"error":{"type":…,"message":…}}.
type Refuser struct{}

// Refuse renders r. It needs nothing of the exchange.
func (Refuser) Refuse(_ *filters.Exchange, r filters.Refusal) filters.Reply {
	body := append([]byte(`{"error":{"type":`), quote(string(r.Kind))...)
	body = append(append(body, `,"message":`...), quote(r.Text())...)
	return filters.Reply{
		Status:  status(r.Kind),
		Headers: []filters.Header{{Name: "content-type", Value: "application/json"}, {Name: filters.DecisionHeader, Value: r.DecisionID}},
		Body:    append(body, "}}"...),
	}
}

// quote makes a JSON string of any text: what is no UTF-8 becomes U+FFFD.
func quote(s string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, s) // an error says that there was invalid UTF-8, and the result is valid nevertheless
	return quoted
}

func status(kind filters.RefusalKind) int {
	switch kind {
	case filters.RefusedByPolicy:
		return http.StatusUnavailableForLegalReasons
	case filters.RefusedMalformed:
		return http.StatusBadRequest
	case filters.RefusedTooLarge:
		return http.StatusRequestEntityTooLarge
	case filters.RefusedEncoding:
		return http.StatusUnsupportedMediaType
	case filters.RefusedIdentity, filters.RefusedScope:
		return http.StatusForbidden
	case filters.RefusedUnknown:
		return http.StatusNotFound
	case filters.RefusedHTTPMethod:
		return http.StatusMethodNotAllowed
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return http.StatusServiceUnavailable
	case filters.RefusedUpstream:
		return http.StatusBadGateway
	default:
		return http.StatusInternalServerError
	}
}
