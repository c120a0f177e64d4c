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
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bartizan/test/await"
	"bartizan/test/env"
	"bartizan/test/load/proc"
)

// raised makes sure that this process, which is client and upstream at once, may open so many files.
func raised(t *testing.T, files uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < files {
		t.Skipf("this test opens %d files, and %d are allowed", files, limit.Max)
	}
	if limit.Cur < files {
		limit.Cur = files
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
}

// resident is the memory of Envoy and of extproc now, in bytes.
type resident struct{ envoy, extproc int64 }

func (w *world) resident(t testing.TB) resident {
	t.Helper()
	envoyNow, _, err := proc.Memory(w.Envoy.PID())
	if err != nil {
		t.Fatal(err)
	}
	extprocNow, _, err := proc.Memory(w.Extproc.PID())
	if err != nil {
		t.Fatal(err)
	}
	return resident{envoyNow, extprocNow}
}

func (r resident) less(before resident) resident {
	return resident{r.envoy - before.envoy, r.extproc - before.extproc}
}

// overflows are Envoy's counters of what a circuit breaker or a limit has refused.
const overflows = `(upstream_cx_overflow|upstream_rq_pending_overflow|upstream_rq_retry_overflow|upstream_cx_pool_overflow|downstream_cx_overflow|downstream_cx_overload_reject|downstream_rq_overload_close|downstream_global_cx_overflow|cx_open|rq_open|rq_pending_open)$`

// noOverflow wants that no breaker has tripped and no limit was met.
func (w *world) noOverflow(t testing.TB) {
	t.Helper()
	stats, err := w.Envoy.Stats(t.Context(), overflows)
	if err != nil {
		t.Fatal(err)
	}
	if len(stats) < 10 {
		t.Errorf("Envoy has only these statistics of its breakers: %v", stats)
	}
	for name, n := range stats {
		if n != 0 {
			t.Errorf("%s is %d", name, n)
		}
	}
}

// envoyCount adds up Envoy's statistics whose names match, of which there must be some.
func (w *world) envoyCount(t testing.TB, names string) (sum uint64) {
	t.Helper()
	stats, err := w.Envoy.Stats(t.Context(), names)
	if err != nil || len(stats) == 0 {
		t.Fatalf("statistics %s: %v, error %v", names, stats, err)
	}
	for _, n := range stats {
		sum += n
	}
	return sum
}

// inFlight counts the exchanges that Envoy carries.
func (w *world) inFlight(t testing.TB) uint64 {
	t.Helper()
	return w.envoyCount(t, `^http\.http\.downstream_rq_active$`)
}

// crowd is many clients, each with one streamed answer. They leave when go is closed.
type crowd struct {
	arrived sync.WaitGroup // the first event is here, or will not come
	left    sync.WaitGroup
	leave   chan struct{}
	mu      sync.Mutex
	errs    []error
}

func (w *world) crowd(t testing.TB, n int, script string) *crowd {
	t.Helper()
	c := &crowd{leave: make(chan struct{})}
	request := rawMessages("crowd", script, true)
	c.arrived.Add(n)
	opening := make(chan struct{}, 128) // of the listener's backlog
	for range n {
		c.left.Go(func() {
			opening <- struct{}{}
			conn, err := firstEvent(strings.TrimPrefix(w.URL, "http://"), request)
			<-opening
			if err != nil {
				c.failed(err)
			}
			c.arrived.Done()
			if conn != nil {
				<-c.leave
				conn.Close()
			}
		})
	}
	return c
}

func (c *crowd) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// rawMessages is a request for a streamed answer as it goes over the wire.
func rawMessages(name, script string, stream bool) string {
	body := fmt.Sprintf(`{"model":"claude-sonnet-5","max_tokens":64,"stream":%t,"messages":[{"role":"user","content":%q}]}`, stream, "Hello. fake:"+script)
	return fmt.Sprintf("POST /anthropic/v1/messages HTTP/1.1\r\nhost: e2e\r\nx-api-key: %s\r\nuser-agent: %s\r\nanthropic-version: 2023-06-01\r\n"+
		"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s", aliceKey, name, len(body), body)
}

// firstEvent sends a request and returns once the first event of the answer is here.
func firstEvent(address, request string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return conn, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return conn, err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 4096), &http.Request{Method: http.MethodPost})
	if err != nil {
		return conn, err
	}
	if res.StatusCode != http.StatusOK {
		return conn, fmt.Errorf("status %d", res.StatusCode)
	}
	first := make([]byte, len("event: message_start"))
	if _, err := io.ReadFull(res.Body, first); err != nil {
		return conn, err
	}
	if string(first) != "event: message_start" {
		return conn, fmt.Errorf("the answer begins with %q", first)
	}
	return conn, nil
}

// TestManyStreams: 2,000 answers stream at once, and no breaker trips. When their clients have left, nothing is left of them but records.
func TestManyStreams(t *testing.T) {
	const streams = 2000
	raised(t, 4*streams)
	w := start(t, env.FleetOptions{})
	w.judges(t)
	before := w.resident(t)
	began := time.Now()
	c := w.crowd(t, streams, "stream:3 hang:4")
	c.arrived.Wait()
	opened := time.Since(began)
	if len(c.errs) > 0 {
		t.Errorf("%d streams failed: %v", len(c.errs), errors.Join(c.errs[:min(3, len(c.errs))]...))
	}
	if n := w.inFlight(t); n != streams {
		t.Errorf("%d exchanges in flight, want %d", n, streams)
	}
	more := w.resident(t).less(before)
	t.Logf("%d streams opened in %s; memory a stream: Envoy %d KiB, extproc %d KiB", streams, opened.Round(time.Millisecond),
		more.envoy/streams>>10, more.extproc/streams>>10)
	w.judges(t) // one more is welcome
	w.noOverflow(t)

	close(c.leave)
	c.left.Wait()
	await.Until(t, "all exchanges to end", func() bool { return w.inFlight(t) == 0 })
	await.Until(t, "all streams to end", func() bool {
		n, err := w.Metric(t.Context(), "bartizan_extproc_streams")
		return err == nil && n == 0
	})
	await.Until(t, "all records to come", func() bool { return len(w.Records.All()) >= streams+4 })
	aborted := 0
	for _, e := range w.Records.All() {
		if e.Own().Outcome == "aborted" {
			aborted++
		}
	}
	if aborted != streams {
		t.Errorf("%d records of aborted exchanges, want %d", aborted, streams)
	}
	if floods := w.envoyCount(t, `^cluster\.extproc\.http2\..*flood$`); floods > 0 {
		t.Errorf("Envoy took the departure of many clients for a flood, and closed a connection to extproc %d times", floods)
	}
	w.judges(t)
}

// Of the clients that stop reading: how much each would get, 800 MiB in all, and what they may cost the processes together. Some 4 MiB of each
// answer are in the kernel's send buffer. extproc's part is nearly all of it what its collector leaves lying: it begins to work at 128 MiB.
const (
	stalled        = 100
	stalledBytes   = 8 << 20
	stalledEnvoy   = 96 << 20
	stalledExtproc = 192 << 20
)

// TestClientsThatStopReading: what they do not take stays with the upstream. Others are served meanwhile.
func TestClientsThatStopReading(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.judges(t)
	before := w.resident(t)
	for range stalled {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(w.URL, "http://"), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil { // else the kernel takes it all
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, rawMessages("stalled", fmt.Sprintf("big:%d", stalledBytes), true)); err != nil {
			t.Fatal(err)
		}
	}
	await.Until(t, "all answers to begin", func() bool { return len(w.upstreamOf("stalled")) == stalled })
	await.Until(t, "all answers to stall", w.still(t))
	more := w.resident(t).less(before)
	t.Logf("%d clients that read nothing of %d MiB each: Envoy +%d MiB, extproc +%d MiB", stalled, stalledBytes>>20, more.envoy>>20, more.extproc>>20)
	if more.envoy > stalledEnvoy || more.extproc > stalledExtproc {
		t.Errorf("memory grew by more than %d MiB and %d MiB", stalledEnvoy>>20, stalledExtproc>>20)
	}
	if taken := w.upstreamBytes(t); taken > stalled*stalledBytes*3/4 {
		t.Errorf("Envoy has read %d MiB of the answers: they did not stall, so this proves nothing", taken>>20)
	}
	slowest := time.Duration(0)
	for range 20 {
		began := time.Now()
		if a := call(t, w.messages(t, aliceKey, "claude-sonnet-5", `say:"hi"`, false)); a.status != http.StatusOK {
			t.Errorf("%d %s, error %v", a.status, a.body, a.err)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("of 20 other requests the slowest took %s", slowest.Round(time.Millisecond))
	if slowest > patience {
		t.Errorf("another request took %s", slowest)
	}
	w.noOverflow(t)
}

// still tells whether no byte has come from the upstream for some polls.
func (w *world) still(t testing.TB) func() bool {
	var last uint64
	quiet := 0
	return func() bool {
		n := w.upstreamBytes(t)
		if quiet++; n != last {
			quiet = 0
		}
		last = n
		return last > 0 && quiet >= 30
	}
}

// upstreamBytes counts what Envoy has read from Anthropic.
func (w *world) upstreamBytes(t testing.TB) uint64 {
	t.Helper()
	return w.envoyCount(t, `^cluster\..*anthropic.*\.upstream_cx_rx_bytes_total$`)
}
