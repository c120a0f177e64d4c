package mcp

import (
	"net/http"
	"strconv"

	"bartizan/filters"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// message is a JSON-RPC response. A nil ID is written as null, which is what JSON-RPC 2.0 section 5 wants where the id is not known.
type message struct {
	Version string         `json:"jsonrpc"`
	ID      jsontext.Value `json:"id"`
	Result  *toolResult    `json:"result,omitzero"`
	Error   *rpcError      `json:"error,omitzero"`
}

type toolResult struct {
	Type    string        `json:"resultType,omitzero"` // 2026-07-28
	Content []textContent `json:"content"`
	IsError bool          `json:"isError"`
}

type textContent struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type rpcError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *errorData `json:"data,omitzero"`
}

type errorData struct {
	Decision  string   `json:"decision,omitzero"`
	Policy    string   `json:"policy,omitzero"`
	Rule      string   `json:"rule,omitzero"`
	Supported []string `json:"supported,omitzero"` // -32022
	Requested *string  `json:"requested,omitzero"` // -32022
}

// Refuse renders a refusal. A denied tools/call becomes a result with isError, which the model reads and can act on; everything
// else a JSON-RPC error whose data names decision, policy and rule. It is always JSON, whatever the client accepts: a client of
// Streamable HTTP has to accept both, and for one message a stream is of no use.
func (c *Codec) Refuse(x *filters.Exchange, r filters.Refusal) filters.Reply {
	reply := filters.Reply{
		Status:  status(x, r),
		Headers: []filters.Header{{Name: "content-type", Value: "application/json"}},
		Body:    refusal(x, r),
	}
	if r.DecisionID != "" {
		reply.Headers = append(reply.Headers, filters.Header{Name: filters.DecisionHeader, Value: r.DecisionID})
	}
	switch reply.Status {
	case http.StatusServiceUnavailable:
		reply.Headers = append(reply.Headers, filters.Header{Name: "retry-after", Value: "1"})
	case http.StatusMethodNotAllowed:
		reply.Headers = append(reply.Headers, filters.Header{Name: "allow", Value: allow(x)})
	}
	return reply
}

func allow(x *filters.Exchange) string {
	if modern(x) {
		return http.MethodPost
	}
	return http.MethodPost + ", " + http.MethodGet + ", " + http.MethodDelete
}

// refusal is the JSON-RPC message of a refusal, for Refuse and for Cut alike.
func refusal(x *filters.Exchange, r filters.Refusal) []byte {
	m := message{Version: "2.0"}
	if x.MCP != nil {
		m.ID = x.MCP.ID
	}
	if r.Kind == filters.RefusedByPolicy && m.ID != nil && x.MCP.Method == methodCall {
		m.Result = failed(x, r.Text())
	} else {
		m.Error = &rpcError{Code: code(r), Message: words(r), Data: data(x, r)}
	}
	body, err := json.Marshal(m, jsontext.AllowInvalidUTF8(true)) // a message of ours may quote what is not UTF-8: it gets U+FFFD
	if err != nil {                                               // the id was checked, the rest is strings: not reachable, and still an answer
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":` + codeInternal + `,"message":"Refused by Bartizan"}}`)
	}
	return body
}

// words tell of a refusal. What is invisible is answered as a server answers what it has not (2026-07-28, server/tools, Error Handling).
func words(r filters.Refusal) string {
	if r.Kind == filters.RefusedInvisible {
		return r.Message + " (decision " + r.DecisionID + ")"
	}
	return r.Text()
}

// failed is the result of a call that a model reads as failed, and why.
func failed(x *filters.Exchange, why string) *toolResult {
	result := &toolResult{Content: []textContent{{Type: "text", Text: why}}, IsError: true}
	if modern(x) {
		result.Type = "complete"
	}
	return result
}

func data(x *filters.Exchange, r filters.Refusal) *errorData {
	d := errorData{Decision: r.DecisionID, Policy: r.Policy, Rule: r.Rule}
	if strconv.Itoa(code(r)) == codeUnsupportedVersion {
		requested := requestedVersion(x)
		d.Supported, d.Requested = supported[:], &requested
	}
	if d.Decision == "" && d.Policy == "" && d.Rule == "" && d.Supported == nil {
		return nil
	}
	return &d
}

func requestedVersion(x *filters.Exchange) string {
	if x.MCP != nil && x.MCP.ProtocolVersion != "" {
		return x.MCP.ProtocolVersion
	}
	return clipClaim(x.Request.Headers[headerVersion])
}
