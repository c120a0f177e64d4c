package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// kind is what a request of the load asks for, and what must come of it.
type kind struct {
	name, model, script string
	stream, denied      bool
}

var kinds = []kind{
	{name: "answered", model: "claude-sonnet-5", script: `say:"It grew."`},
	{name: "refused", model: "claude-opus-5-5", script: `say:"Nobody may read this."`, denied: true},
	{name: "streamed", model: "claude-sonnet-5", script: "stream:20 delay:50ms", stream: true},
	{name: "refused stream", model: "claude-opus-5-5", script: "stream:20 delay:50ms", stream: true, denied: true},
}

// sent is one request of the load, and what came of it.
type sent struct {
	tag    string
	kind   kind
	status int    // 0: no headers came
	broken string // why the answer is not a whole one; "" for one that is
	took   time.Duration
}

// ok says whether the client got what it should: an answer, or a refusal by rule.
func (s sent) ok() bool {
	want := http.StatusOK
	if s.kind.denied {
		want = http.StatusUnavailableForLegalReasons
	}
	return s.broken == "" && s.status == want
}

// load is a bounded stream of requests through the gateway: a fixed number of clients, each of which sends its next request when it has its
// answer and a pause has passed. Half of them keep their connection, half take a new one for each request.
type load struct {
	url, key string
	mu       sync.Mutex
	all      []sent
}

const (
	clients = 8
	pause   = 150 * time.Millisecond // about 40 requests a second in all
)

// during sends requests while do runs, for a moment before and after it too, and returns those of this time.
func (l *load) during(ctx context.Context, do func(context.Context) error) ([]sent, error) {
	first := len(l.requests())
	running, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { l.client(running, i) })
	}
	const moment = 2 * time.Second
	wait(ctx, moment)
	err := do(ctx)
	wait(ctx, moment)
	stop()
	group.Wait()
	return l.requests()[first:], err
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (l *load) requests() []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// client sends until running ends; what it has begun then, it finishes.
func (l *load) client(running context.Context, number int) {
	transport := &http.Transport{DisableKeepAlives: number%2 == 0}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for n := number; running.Err() == nil; n++ {
		s := l.send(client, kinds[n%len(kinds)])
		l.mu.Lock()
		l.all = append(l.all, s)
		l.mu.Unlock()
		wait(running, pause)
	}
}

func (l *load) send(client *http.Client, k kind) (s sent) {
	s = sent{tag: newTag(), kind: k}
	began := time.Now()
	defer func() { s.took = time.Since(began) }()
	body := fmt.Sprintf(`{"model":%q,"max_tokens":64,"stream":%t,"messages":[{"role":"user","content":%q}]}`, k.model, k.stream, "Hello. fake: "+k.script)
	req, err := http.NewRequest(http.MethodPost, l.url+"/anthropic/v1/messages", strings.NewReader(body))
	if err != nil {
		s.broken = err.Error()
		return s
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "Anthropic-Version": {"2023-06-01"}, "X-Api-Key": {l.key}, "User-Agent": {s.tag},
	}
	req.GetBody = nil // the transport is not to send it a second time by itself: every request is counted
	res, err := client.Do(req)
	if err != nil {
		s.broken = cause(err)
		return s
	}
	defer res.Body.Close()
	s.status = res.StatusCode
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.broken = cause(err)
	} else if k.stream && s.status == http.StatusOK && !strings.Contains(string(answer), "message_stop") {
		s.broken = "a stream without its end"
	}
	return s
}

// cause is an error without the addresses in it, so that equal ones can be counted.
func cause(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+1:]
}

// errorsOf counts what went wrong for clients.
func errorsOf(all []sent) map[string]int {
	counts := map[string]int{}
	for _, s := range all {
		switch {
		case s.ok():
		case s.broken != "":
			counts[strings.TrimSpace(s.broken)]++
		default:
			counts[fmt.Sprintf("status %d", s.status)]++
		}
	}
	return counts
}

// describe is a line about requests.
func describe(all []sent) string {
	var took []time.Duration
	bad := 0
	for _, s := range all {
		if s.ok() {
			took = append(took, s.took)
		} else {
			bad++
		}
	}
	line := fmt.Sprintf("%d requests, %d errors", len(all), bad)
	if len(took) > 0 {
		line += fmt.Sprintf(", slowest answer %s", slices.Max(took).Round(time.Millisecond))
	}
	counts := errorsOf(all)
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		line += fmt.Sprintf("; %d × %s", counts[what], what)
	}
	return line
}
