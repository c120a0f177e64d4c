package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"bartizan/extproc/audit/tail"
	"bartizan/test/fake"
)

// tag makes a name by which a request is found again: sent as user-agent, it reaches the upstream and stands in the record.
func tag() string { return "probe/" + rand.Text() }

// tagged names a request.
func tagged(req *http.Request) string {
	name := tag()
	req.Header.Set("user-agent", name)
	return name
}

// way is how a request travels to the gateway.
type way struct {
	name   string
	h2     bool // with prior knowledge, in the clear
	length bool // its content-length is told
}

func ways() []way {
	return []way{{"HTTP 1 with length", false, true}, {"HTTP 1 chunked", false, false}, {"HTTP 2 with length", true, true}, {"HTTP 2 without length", true, false}}
}

// clientOf speaks one version of HTTP, and accepts answers as they come.
func clientOf(t testing.TB, h2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// callBy sends req in that way and reads the whole answer.
func callBy(t testing.TB, by way, req *http.Request) answer {
	t.Helper()
	if !by.length {
		req.ContentLength, req.GetBody = -1, nil
	}
	res, err := clientOf(t, by.h2).Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), err}
}

// raw sends bytes as they are and reads one HTTP/1.1 answer: for requests that no client library would send.
func (w *world) raw(t testing.TB, request string) answer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(w.URL, "http://"), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return answer{err: err}
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), err}
}

// fact is a closing record, with the members that tail does not read.
type fact struct {
	tail.Event
	HTTP struct {
		Agent string `json:"user_agent"`
	} `json:"http_request"`
	Metadata struct {
		RequestID string `json:"correlation_uid"`
	} `json:"metadata"`
	Unmapped struct {
		Bartizan struct {
			Answer struct {
				Action   string `json:"action"`
				Verdicts []struct {
					Rule string `json:"rule"`
				} `json:"verdicts"`
			} `json:"answer_decision"`
			EndedBy string `json:"ended_by"`
			Route   string `json:"route"`
			Refusal struct {
				Kind string `json:"kind"`
			} `json:"refusal"`
			Request struct {
				Size        int64  `json:"size"`
				SHA256      string `json:"sha256"`
				Encoding    string `json:"encoding"`
				DecodedSize int64  `json:"decoded_size"`
			} `json:"request"`
			Response struct {
				Complete bool   `json:"complete"`
				Error    string `json:"error"`
			} `json:"response"`
		} `json:"bartizan"`
	} `json:"unmapped"`
}

func factOf(t testing.TB, e tail.Event) fact {
	t.Helper()
	var f fact
	if err := json.Unmarshal(e.Raw, &f); err != nil {
		t.Fatalf("read record %s: %v", e.Raw, err)
	}
	f.Event = e
	return f
}

// recordOf waits for the closing record of a tagged request.
func (w *world) recordOf(t testing.TB, tag string) fact {
	t.Helper()
	return factOf(t, w.recordWhere(t, tag, func(e tail.Event) bool { return bytes.Contains(e.Raw, []byte(tag)) }))
}

// upstreamOf returns what the fakes saw of a tagged request.
func (w *world) upstreamOf(tag string) (seen []fake.Request) {
	for _, r := range []*fake.Recorder{&w.anthropic.Recorder, &w.openAI.Recorder, &w.warehouse.Recorder, &w.modern.Recorder} {
		for _, q := range r.Requests() {
			if q.Header.Get("user-agent") == tag {
				seen = append(seen, q)
			}
		}
	}
	return seen
}

// endedUpstream waits until the fake's exchange of a tagged request has ended, and returns how.
func (w *world) endedUpstream(t testing.TB, of *fake.Recorder, tag string) fake.Ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n := 0; ; n++ {
		all, err := of.Await(ctx, n)
		for _, q := range all {
			if q.Header.Get("user-agent") == tag && q.Ended != fake.EndedRunning {
				return q.Ended
			}
		}
		if err != nil {
			t.Fatalf("the upstream's exchange of %s did not end: %v", tag, err)
		}
	}
}

// wanted is what all three see of a request that goes no further than the gateway, or as far as an upstream that fails.
type wanted struct {
	status   int
	protocol string // of the error: anthropic, openai, mcp, plain
	says     string // a part of its message
	outcome  string
	endedBy  string
	kind     string // of the refusal; empty: Envoy refused
	reached  bool   // an upstream was called
}

// expect compares the client's view, the record and the upstream's view with what is wanted.
func (w *world) expect(t testing.TB, tag string, a answer, want wanted) fact {
	t.Helper()
	if a.err != nil {
		t.Errorf("the client got an error: %v", a.err)
	}
	if a.status != want.status {
		t.Errorf("status %d, want %d: %s", a.status, want.status, a.body)
	}
	if got := message(t, want.protocol, a); !strings.Contains(got, want.says) {
		t.Errorf("the message is %q, want %q in it", got, want.says)
	}
	r := w.recordOf(t, tag)
	own := r.Unmapped.Bartizan
	if r.Response.Code != want.status || r.Own().Outcome != want.outcome || own.EndedBy != want.endedBy || own.Refusal.Kind != want.kind {
		t.Errorf("record: status %d, outcome %s, ended by %s, refusal %q; want %+v\n%s", r.Response.Code, r.Own().Outcome, own.EndedBy, own.Refusal.Kind, want, r.Raw)
	}
	if d := a.decision(); d != "" && d != r.Own().DecisionID {
		t.Errorf("the answer names decision %s, the record %s", d, r.Own().DecisionID)
	}
	if seen := w.upstreamOf(tag); (len(seen) > 0) != want.reached {
		t.Errorf("the upstream saw %d requests, want any: %t", len(seen), want.reached)
	}
	return r
}

// message reads an error in a protocol, in which no member may stand that the protocol does not have.
func message(t testing.TB, protocol string, a answer) string {
	t.Helper()
	if got := a.header.Get("content-type"); got != "application/json" {
		t.Errorf("content-type %q", got)
	}
	var (
		anthropicError struct {
			Type  string `json:"type"`
			Error struct {
				Type    string `json:"type"`
				Message string `json:"message"`
			} `json:"error"`
			RequestID string `json:"request_id"`
		}
		openAIError struct {
			Error struct {
				Message string  `json:"message"`
				Type    string  `json:"type"`
				Param   *string `json:"param"`
				Code    string  `json:"code"`
			} `json:"error"`
		}
		mcpError struct {
			JSONRPC string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Error   struct {
				Code    int             `json:"code"`
				Message string          `json:"message"`
				Data    json.RawMessage `json:"data"`
			} `json:"error"`
		}
		plainError struct {
			Error struct {
				Type    string `json:"type"`
				Message string `json:"message"`
			} `json:"error"`
		}
	)
	strict := func(into any) {
		d := json.NewDecoder(strings.NewReader(a.body))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			t.Errorf("the body is no %s error: %v: %s", protocol, err, a.body)
		}
	}
	switch protocol {
	case "anthropic":
		strict(&anthropicError)
		if anthropicError.Type != "error" || anthropicError.Error.Type == "" {
			t.Errorf("no anthropic error: %s", a.body)
		}
		return anthropicError.Error.Message
	case "openai":
		strict(&openAIError)
		if openAIError.Error.Type == "" || openAIError.Error.Code == "" {
			t.Errorf("no openai error: %s", a.body)
		}
		return openAIError.Error.Message
	case "mcp":
		strict(&mcpError)
		if mcpError.JSONRPC != "2.0" || mcpError.ID == nil || mcpError.Error.Code == 0 {
			t.Errorf("no mcp error: %s", a.body)
		}
		return mcpError.Error.Message
	default:
		strict(&plainError)
		return plainError.Error.Message
	}
}
