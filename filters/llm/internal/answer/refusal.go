package answer

import (
	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// Reply is a refusal as a whole answer: a JSON body with the headers that every dialect's SDK reads. Where trying again cannot
// help, x-should-retry: false stops the SDKs (they retry 408, 409, 429 and everything from 500 on); where it can, retry-after
// says when. The calls of a model are all made by POST.
func Reply(status int, r filters.Refusal, body []byte) filters.Reply {
	headers := []filters.Header{{Name: "content-type", Value: "application/json"}}
	if r.DecisionID != "" {
		headers = append(headers, filters.Header{Name: filters.DecisionHeader, Value: r.DecisionID})
	}
	if r.Kind == filters.RefusedOverloaded || r.Kind == filters.RefusedUnrecordable {
		headers = append(headers, filters.Header{Name: "retry-after", Value: "1"})
	} else {
		headers = append(headers, filters.Header{Name: "x-should-retry", Value: "false"})
	}
	if r.Kind == filters.RefusedHTTPMethod {
		headers = append(headers, filters.Header{Name: "allow", Value: "POST"})
	}
	return filters.Reply{Status: status, Headers: headers, Body: body}
}

// Stream is a refusal as a stream that ends well.
func Stream(r filters.Refusal, body []byte) filters.Reply {
	reply := Reply(200, r, body)
	reply.Headers[0].Value = "text/event-stream"
	return reply
}

// Quote returns s as a JSON string. What is not UTF-8 in it becomes U+FFFD.
func Quote(s string) string {
	q, _ := jsontext.AppendQuote(nil, s) // its error only tells that something was replaced
	return string(q)
}
