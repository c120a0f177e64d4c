package mcp

import (
	"errors"
	"net/http"
	"strconv"

	"bartizan/filters"
)

// JSON-RPC error codes: of JSON-RPC 2.0 section 5.1, and of MCP 2026-07-28, basic, section Error Codes.
const (
	codeParse              = "-32700"
	codeInvalidRequest     = "-32600"
	codeMethodNotFound     = "-32601"
	codeInvalidParams      = "-32602"
	codeInternal           = "-32603"
	codeHeaderMismatch     = "-32020"
	codeUnsupportedVersion = "-32022"
)

// withCode gives an error of the strict reader its JSON-RPC code.
func withCode(err error, code string) error {
	var be *filters.BodyError
	if !errors.As(err, &be) {
		return err
	}
	coded := *be
	coded.Code = code
	return &coded
}

// code is the JSON-RPC code of a refusal. What the protocol has no code for gets the number of the HTTP status that says the
// same: the range of applications is all that lies outside -32768…-32000, and a policy's denial, 451, is best told apart there.
func code(r filters.Refusal) int {
	if n, err := strconv.Atoi(r.Code); err == nil {
		return n
	}
	switch r.Kind {
	case filters.RefusedMalformed:
		return -32600
	case filters.RefusedUnknown:
		return -32601
	case filters.RefusedInternal:
		return -32603
	case filters.RefusedByPolicy:
		return http.StatusUnavailableForLegalReasons
	default:
		return kindStatus(r.Kind)
	}
}

// kindStatus is the HTTP status of a refusal that is not about the content of a message.
func kindStatus(kind filters.RefusalKind) int {
	switch kind {
	case filters.RefusedByPolicy, filters.RefusedInvisible, filters.RefusedMalformed:
		return http.StatusBadRequest
	case filters.RefusedTooLarge:
		return http.StatusRequestEntityTooLarge
	case filters.RefusedEncoding:
		return http.StatusUnsupportedMediaType
	case filters.RefusedIdentity, filters.RefusedScope, filters.RefusedOrigin: // not 401: see status
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

// status is the HTTP status of a refusal. A request that was understood is answered in JSON-RPC, under 200, so that the model
// reads why: clients show other statuses as a broken connection. Without an id there is no answer to give, and only an HTTP error
// says no; in the legacy era not 404, which would say that the session has ended.
func status(x *filters.Exchange, r filters.Refusal) int {
	hasID := x.MCP != nil && x.MCP.ID != nil
	switch r.Kind {
	case filters.RefusedIdentity:
		if r.Challenge != "" { // else never 401: it sends clients to register with an authorization server that is not there
			return http.StatusUnauthorized
		}
	case filters.RefusedByPolicy, filters.RefusedInvisible:
		if hasID {
			return http.StatusOK
		}
	case filters.RefusedUnknown:
		switch {
		case x.MCP == nil || modern(x) && x.MCP.Method != "":
			return http.StatusNotFound
		case hasID:
			return http.StatusOK
		default:
			return http.StatusBadRequest
		}
	}
	return kindStatus(r.Kind)
}
