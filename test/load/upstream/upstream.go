// Package upstream is the model provider and the MCP server of the benchmarks: an HTTP handler that answers at once with bytes made
// beforehand, so that its own cost stays small and the same.
//
// It promises answers in the form of Anthropic's Messages API, whatever the path but /mcp, and asks for no credential. At /mcp are
// 1,000 tools. It does not
// parse requests: a body that contains "stream":true is answered with a stream. For anything cleverer there is package
// fake. It keeps nothing of a request, and is safe for concurrent use; its answers are bounded to 64 MiB.
package upstream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"bartizan/test/load/gen"
)

// Options set the answers of requests whose query does not say otherwise.
type Options struct {
	Size   int           // bytes of a JSON answer; 0: 10 KiB. At least its shell is sent, some 300 bytes.
	Events int           // events of a stream, its first three and last three included; 0: 200
	Gap    time.Duration // between two events; 0: as fast as they are taken, without stamps
}

// limits of an answer.
const (
	maxSize   = 64 << 20
	maxEvents = 100_000
	maxGap    = time.Minute
)

// Handler answers requests. A query overrules the options: answer=json or answer=sse (else the body says), size=N,
// events=N, gap=DURATION. Requests without a query get what was made beforehand.
type Handler struct {
	options Options
	ready   *answers
	tools   tools
	buffers sync.Pool // of *buffer
}

// buffer is what a body is read through.
type buffer [32 << 10]byte

// New makes a handler and its answers.
func New(o Options) (*Handler, error) {
	if o.Size == 0 {
		o.Size = 10 << 10
	}
	if o.Events == 0 {
		o.Events = 200
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Handler{options: o, ready: o.answers(), tools: newTools(), buffers: sync.Pool{New: func() any { return new(buffer) }}}, nil
}

func (o Options) validate() error {
	switch {
	case o.Size < 0 || o.Size > maxSize:
		return fmt.Errorf("size: %d is not in 0..%d", o.Size, maxSize)
	case o.Events < 7 || o.Events > maxEvents:
		return fmt.Errorf("events: %d is not in 7..%d", o.Events, maxEvents)
	case o.Gap < 0 || o.Gap > maxGap:
		return fmt.Errorf("gap: %s is not in 0..%s", o.Gap, maxGap)
	}
	return nil
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/mcp" {
		h.tools.ServeHTTP(w, r)
		return
	}
	buf := h.buffers.Get().(*buffer)
	stream, err := wantsStream(r.Body, buf)
	h.buffers.Put(buf)
	if err != nil {
		return // the client left
	}
	o, a := h.options, h.ready
	if query := r.URL.Query(); len(query) > 0 {
		if o, err = o.with(query); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if o.Size != h.options.Size || o.Events != h.options.Events {
			a = o.answers()
		}
		if kind := query.Get("answer"); kind != "" {
			stream = kind == "sse"
		}
	}
	switch {
	case !stream:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(a.whole)))
		w.Write(a.whole)
	case o.Gap == 0:
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.Write(a.stream)
	default:
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		a.pace(r.Context(), w, o.Gap)
	}
}

// with reads a query; keys that are not ours, such as beta, are a client's.
func (o Options) with(query url.Values) (_ Options, err error) {
	for name, to := range map[string]*int{"size": &o.Size, "events": &o.Events} {
		if v := query.Get(name); v != "" {
			if *to, err = strconv.Atoi(v); err != nil {
				return o, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if v := query.Get("gap"); v != "" {
		if o.Gap, err = time.ParseDuration(v); err != nil {
			return o, fmt.Errorf("gap: %w", err)
		}
	}
	return o, o.validate()
}

// wantsStream reads the body away through buf, and looks for "stream":true in it.
func wantsStream(body io.Reader, buf *buffer) (bool, error) {
	word, found, kept := []byte(`"stream":true`), false, 0
	for {
		n, err := body.Read(buf[kept:])
		found = found || bytes.Contains(buf[:kept+n], word)
		tail := min(kept+n, len(word)-1)
		copy(buf[:tail], buf[kept+n-tail:kept+n])
		kept = tail
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// answers are the bytes of one setting.
type answers struct {
	whole  []byte
	stream []byte
	events []string // the parts of stream
}

const line = "The quick brown fox jumps over the lazy dog and goes on to say so. "

func (o Options) answers() *answers {
	const shell = `{"id":"msg_load","type":"message","role":"assistant","model":"claude-load","content":[{"type":"text","text":"%s"}],` +
		`"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":250,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":%d}}`
	text := max(0, o.Size-len(shell)+1) // the two verbs are as long as the number that takes their place, but for one
	a := &answers{whole: fmt.Appendf(nil, shell, strings.Repeat(line, text/len(line)+1)[:text], 100+o.Events)}
	a.events = o.eventTexts()
	a.stream = []byte(strings.Join(a.events, ""))
	return a
}

// eventTexts are message_start, content_block_start, ping, deltas, content_block_stop, message_delta, message_stop.
func (o Options) eventTexts() []string {
	event := func(name, rest string) string {
		return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + rest + "}\n\n"
	}
	out := []string{
		event("message_start", `,"message":{"id":"msg_load","type":"message","role":"assistant","model":"claude-load","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":250,"output_tokens":1}}`),
		event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`),
		event("ping", ""),
	}
	for range o.Events - 6 {
		out = append(out, event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"`+line[:40]+`"}`))
	}
	return append(out,
		event("content_block_stop", `,"index":0`),
		event("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":`+strconv.Itoa(o.Events)+`}`),
		event("message_stop", ""))
}

// pace writes event after event, each flushed, deltas with the time of their writing as a stamp in their text.
func (a *answers) pace(ctx context.Context, w http.ResponseWriter, gap time.Duration) {
	flush := http.NewResponseController(w)
	tick := time.NewTicker(gap)
	defer tick.Stop()
	var buf []byte
	for i, e := range a.events {
		if i > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		buf = appendStamped(buf[:0], e)
		if _, err := w.Write(buf); err != nil {
			return
		}
		flush.Flush()
	}
}

func appendStamped(b []byte, event string) []byte {
	before, after, found := strings.Cut(event, line[:40])
	b = append(b, before...)
	if found {
		b = gen.AppendStamp(append(b, line[:23]...), time.Now())
	}
	return append(b, after...)
}
