// Package fault is the error object that all of OpenAI's APIs have in common, and which status, type and code a refusal has there.
//
// It holds no state and is safe for concurrent use. It never fails.
package fault

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
)

// Fault is a refusal in OpenAI's words (https://platform.openai.com/docs/guides/error-codes).
type Fault struct {
	Status     int
	Type, Code string
}

// Of chooses the status, the error type and the code. The SDKs retry 408, 409, 429 and everything from 500 on.
func Of(k filters.RefusalKind) Fault {
	switch k {
	case filters.RefusedByPolicy:
		return Fault{451, "permission_error", "policy_denied"}
	case filters.RefusedMalformed:
		return Fault{400, "invalid_request_error", "malformed_request"}
	case filters.RefusedTooLarge:
		return Fault{413, "invalid_request_error", "request_too_large"}
	case filters.RefusedEncoding:
		return Fault{415, "invalid_request_error", "unsupported_encoding"}
	case filters.RefusedIdentity:
		return Fault{401, "invalid_request_error", "invalid_api_key"}
	case filters.RefusedUnknown:
		return Fault{404, "invalid_request_error", "unknown_url"}
	case filters.RefusedHTTPMethod:
		return Fault{405, "invalid_request_error", "method_not_allowed"}
	case filters.RefusedOverloaded, filters.RefusedUnrecordable:
		return Fault{503, "server_error", "overloaded"}
	case filters.RefusedUpstream:
		return Fault{502, "server_error", "upstream_error"}
	default:
		return Fault{500, "server_error", "internal_error"}
	}
}

// Body is the error object.
func (f Fault) Body(r filters.Refusal) []byte {
	return []byte(`{"error":{"message":` + answer.Quote(r.Text()) + `,"type":` + answer.Quote(f.Type) + `,"param":null,"code":` + answer.Quote(f.Code) + `}}`)
}

// Reply renders r as a whole error answer to a request whose only HTTP method is POST.
func Reply(r filters.Refusal) filters.Reply {
	f := Of(r.Kind)
	return answer.Reply(f.Status, r, f.Body(r))
}
