package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/test/fake"
)

// slow is a client that sends its request by parts and reads the answer line by line.
type slow struct {
	conn  net.Conn
	r     *bufio.Reader
	name  string
	parts [2]string // headers, body

	body io.Reader // of the answer, once its headers are here
	err  error     // in place of them
	got  answer    // so far
	last time.Time // when the last bytes of the body came
}

func (w *world) slow(t testing.TB, script string, stream bool) *slow {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(w.URL, "http://"), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	s := &slow{conn: conn, r: bufio.NewReader(conn), name: tag()}
	body := fmt.Sprintf(`{"model":"claude-sonnet-5","max_tokens":64,"stream":%t,"messages":[{"role":"user","content":%q}]}`, stream, "Hello. fake:"+script)
	s.parts[0] = fmt.Sprintf("POST /anthropic/v1/messages HTTP/1.1\r\nhost: e2e\r\nx-api-key: %s\r\nuser-agent: %s\r\nanthropic-version: 2023-06-01\r\n"+
		"content-type: application/json\r\ncontent-length: %d\r\n\r\n", aliceKey, s.name, len(body))
	s.parts[1] = body
	return s
}

func (s *slow) send(t testing.TB, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if _, err := io.WriteString(s.conn, p); err != nil {
			t.Fatal(err)
		}
	}
}

// begin reads the answer up to and including a text.
func (s *slow) begin(t testing.TB, upTo string) {
	t.Helper()
	if s.head(); s.err != nil {
		t.Fatal(s.err)
	}
	for !strings.Contains(s.got.body, upTo) {
		if s.read(); s.got.err != nil {
			t.Fatalf("%q, then %v", s.got.body, s.got.err)
		}
	}
}

func (s *slow) head() {
	if s.body != nil || s.err != nil {
		return
	}
	res, err := http.ReadResponse(s.r, &http.Request{Method: http.MethodPost})
	if err != nil {
		s.err = err
		return
	}
	s.body, s.got = res.Body, answer{status: res.StatusCode, header: res.Header}
}

func (s *slow) read() {
	buf := make([]byte, 32<<10)
	var n int
	if n, s.got.err = s.body.Read(buf); n > 0 {
		s.got.body += string(buf[:n])
		s.last = time.Now()
	}
}

// rest reads the answer to its end.
func (s *slow) rest() answer {
	if s.head(); s.err != nil {
		return answer{err: s.err}
	}
	for s.got.err == nil {
		s.read()
	}
	a := s.got
	if errors.Is(a.err, io.EOF) {
		a.err = nil
	}
	return a
}

// heard waits until extproc has answered for n streams' headers, as Envoy counts its messages.
func (w *world) heard(t testing.TB, n uint64) {
	t.Helper()
	await.Until(t, "extproc to answer", func() bool { return w.extprocMessages(t) >= n })
}

// extprocMessages counts the answers that Envoy has had from extproc.
func (w *world) extprocMessages(t testing.TB) uint64 {
	t.Helper()
	return w.envoyCount(t, `ext_proc\..*stream_msgs_received$`)
}

// moment is a point of an exchange at which extproc is lost.
type moment struct {
	name   string
	script string
	stream bool
	before func(t *testing.T, w *world, s *slow) // brings the exchange there
	after  func(t *testing.T, s *slow)           // what the client still sends once extproc is lost
	begun  bool                                  // the client has part of the answer
	called bool                                  // the upstream was called: the request was judged
	// unsure: a whole answer comes while extproc is stopped. When it goes on it may still find it in its socket, judge it and record that it
	// passed, before it learns that Envoy has long since given up.
	unsure bool
}

// numbers is an answer that would go on for longer than extproc's loss takes to show: so many events, one in each pace.
const (
	numbers = 300
	pace    = 20 * time.Millisecond
)

func moments() []moment {
	endlessly := counted(numbers, "delay:"+pace.String())
	return []moment{
		{
			name: "headers", script: `say:"hi"`,
			before: func(*testing.T, *world, *slow) {},
			after:  func(t *testing.T, s *slow) { s.send(t, s.parts[:]...) },
		},
		{
			name: "body", script: `say:"hi"`,
			before: func(t *testing.T, w *world, s *slow) {
				n := w.extprocMessages(t)
				s.send(t, s.parts[0], s.parts[1][:5])
				w.heard(t, n+1)
			},
			after: func(t *testing.T, s *slow) { s.send(t, s.parts[1][5:]) },
		},
		{
			name: "mid-response", script: endlessly, stream: true, called: true, begun: true,
			before: func(t *testing.T, w *world, s *slow) {
				s.send(t, s.parts[:]...)
				s.begin(t, "005 ")
			},
		},
		{
			name: "response headers", script: "slow-headers:2500ms " + endlessly, stream: true, called: true,
			before: func(t *testing.T, w *world, s *slow) {
				s.send(t, s.parts[:]...)
				w.arrived(t, s.name)
			},
		},
		{
			name: "response headers, held answer", script: "slow-headers:2500ms " + `say:"hi"`, called: true, unsure: true,
			before: func(t *testing.T, w *world, s *slow) {
				s.send(t, s.parts[:]...)
				w.arrived(t, s.name)
			},
		},
	}
}

// loss is a way to lose extproc. It returns when extproc takes no further step.
type loss struct {
	name    string
	lose    func(t *testing.T, w *world)
	restore func(t *testing.T, w *world)
	// recorded: the exchanges have records afterwards. A killed process has none to write, and what Envoy's access log says of them is lost
	// with the stream that it could not open; in mode strict there is the intent.
	recorded bool
}

func losses() []loss {
	restart := func(t *testing.T, w *world) {
		if err := w.StartExtproc(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	signal := func(sig syscall.Signal) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) {
			if err := w.Extproc.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []loss{
		{"killed", func(_ *testing.T, w *world) { w.Extproc.Kill() }, restart, false},
		{"stopped", signal(syscall.SIGSTOP), signal(syscall.SIGCONT), true},
	}
}

// TestExtprocLost: extproc is killed or stopped in the middle of several exchanges, and no byte passes that it has not seen. Afterwards the
// same Envoy works on.
func TestExtprocLost(t *testing.T) {
	for _, l := range losses() {
		t.Run(l.name, func(t *testing.T) {
			w := start(t, env.FleetOptions{})
			var all []*slow
			for _, m := range moments() {
				s := w.slow(t, m.script, m.stream)
				m.before(t, w, s)
				all = append(all, s)
			}
			l.lose(t, w)
			lost := time.Now()
			var reading sync.WaitGroup
			for i, m := range moments() {
				if m.after != nil {
					m.after(t, all[i])
				}
				reading.Go(func() { all[i].rest() })
			}
			reading.Wait()
			for i, m := range moments() {
				t.Run("at "+m.name, func(t *testing.T) { m.check(t, w, all[i], lost) })
			}
			l.restore(t, w)
			w.judges(t)
			for i, m := range moments() {
				if l.recorded {
					t.Run("record of "+m.name, func(t *testing.T) {
						e := w.recordOf(t, all[i].name)
						if m.unsure && e.Unmapped.Bartizan.EndedBy == "upstream" {
							return
						}
						if e.Response.Code != all[i].got.status || e.Own().Outcome != "error" || e.Unmapped.Bartizan.EndedBy != "envoy" {
							t.Errorf("the client got %d, the record says %s", all[i].got.status, e.Raw)
						}
					})
				}
			}
		})
	}
}

// check wants an error in the caller's protocol, or an answer that is cut where it had begun.
func (m moment) check(t *testing.T, w *world, s *slow, lost time.Time) {
	t.Helper()
	a := s.rest()
	switch {
	case m.begun:
		if late := s.last.Sub(lost); late > numbers*pace/2 { // uninspected, it would go on for all of that
			t.Errorf("bytes came %s after extproc was lost: %s", late, a.body)
		}
		if a.err == nil || a.status != http.StatusOK || strings.Contains(a.body, "message_stop") {
			t.Errorf("the answer ended well: %d %s", a.status, a.body)
		}
	case a.err != nil || a.status != http.StatusServiceUnavailable:
		t.Errorf("%d %s, error %v", a.status, a.body, a.err)
	default:
		if said := message(t, "anthropic", a); !strings.Contains(said, "the inspection service did not answer") {
			t.Errorf("the message is %q", said)
		}
	}
	if called := len(w.upstreamOf(s.name)) > 0; called != m.called {
		t.Errorf("the upstream was called: %t, want %t", called, m.called)
	}
	if m.begun {
		if how := w.endedUpstream(t, &w.anthropic.Recorder, s.name); how != fake.EndedCanceled {
			t.Errorf("the upstream's exchange %s, want canceled", how)
		}
	}
}

// judges wants that requests are judged again: one passes, another is refused by a rule.
func (w *world) judges(t *testing.T) {
	t.Helper()
	if a := call(t, w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)); a.status != http.StatusOK {
		t.Errorf("a request that should pass: %d %s, error %v", a.status, a.body, a.err)
	}
	if a := call(t, w.messages(t, aliceKey, "claude-opus-5-5", `say:"hi"`, false)); a.status != http.StatusUnavailableForLegalReasons {
		t.Errorf("a request that should be denied: %d %s, error %v", a.status, a.body, a.err)
	}
}

// TestRestartWithoutControlServer: extproc starts from its last good bundle, and the control server's return disturbs nobody.
func TestRestartWithoutControlServer(t *testing.T) {
	w := start(t, env.FleetOptions{})
	live, err := w.Status(t.Context())
	if err != nil || live.Live == nil {
		t.Fatalf("%+v, error %v", live, err)
	}
	w.XDS.Kill()
	w.judges(t)
	w.Extproc.Kill()
	if a := call(t, w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)); a.status != http.StatusServiceUnavailable {
		t.Errorf("without extproc: %d %s, error %v", a.status, a.body, a.err)
	}
	if err := w.StartExtproc(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.judges(t)
	if err := w.StartXDS(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.awaitLive(t, live.Live.Commit)
	w.judges(t)
}
