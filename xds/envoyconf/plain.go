package envoyconf

import (
	"fmt"
	"net/http"

	"bartizan/filters"
)

// Refuser is the one method of filters.Codec that is needed here.
type Refuser interface {
	Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply
}

// plain refuses requests that have no protocol, since they reached no route.
type plain struct{}

func (plain) Refuse(_ *filters.Exchange, r filters.Refusal) filters.Reply {
	return filters.Reply{Status: plainStatus(r.Kind), Body: fmt.Appendf(nil, `{"error":{"message":%q}}`, r.Text())}
}

func plainStatus(kind filters.RefusalKind) int {
	switch kind {
	case filters.RefusedOverloaded:
		return http.StatusServiceUnavailable
	case filters.RefusedTooLarge:
		return http.StatusRequestEntityTooLarge
	case filters.RefusedUnknown:
		return http.StatusNotFound
	case filters.RefusedMalformed:
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}
