package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"bartizan/extproc/audit/chain"
	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/stream"
	"bartizan/extproc/audit/tail"
	"bartizan/extproc/audit/wal"
	"bartizan/filters"
	"bartizan/test/await"
)

func record(id string) *filters.Record {
	return &filters.Record{
		Phase: "exchange", Time: time.Now(), Outcome: filters.OutcomeAllow, EndedBy: filters.EndedByUpstream, Status: 200, Commit: "4f2c9a1",
		Exchange: &filters.Exchange{
			ID: id, Route: filters.Route{Name: "r", Surface: filters.SurfaceLLM, Target: "anthropic", Operation: "messages"},
			Request:  filters.Request{ID: "q-" + id, SourceIP: "10.0.0.1", Method: "POST", Path: "/v1/messages", UserAgent: "claude-cli"},
			Identity: filters.Identity{Method: "virtual_key", User: "ana", Groups: []string{"staff"}, Key: "k"},
			LLM:      &filters.LLM{Provider: "anthropic", Model: "claude", Messages: 2},
			Response: filters.Response{Status: 200, Bytes: 10, Complete: true, Usage: filters.Usage{Input: 10, Output: 5}},
		},
	}
}

func startNATS(t *testing.T, dir, addr string) *natsd.Server {
	t.Helper()
	s, err := natsd.Start(natsd.Options{StateDir: dir, Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := stream.Server{URL: url}.Connect(discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func mustOpen(t *testing.T, cfg Config) *Log {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = l.Close(ctx) // what a test expects of Close it has asked before
	})
	return l
}

func mustClose(t *testing.T, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// stored returns the ids of all records in the stream, as the reader sees them, and the report of a verification.
func stored(t *testing.T, s *natsd.Server) ([]string, chain.Report) {
	t.Helper()
	nc := connect(t, s.URL())
	var ids []string
	if err := tail.Tail(t.Context(), nc, tail.Options{All: true, Once: true}, func(e *tail.Event) error {
		ids = append(ids, e.Own().DecisionID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	report, err := chain.Verify(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	return ids, report
}

func ids(from, to int) (list []string) {
	for ; from <= to; from++ {
		list = append(list, fmt.Sprintf("id-%04d", from))
	}
	return list
}

func appendAll(t *testing.T, l *Log, list []string, mode Mode) {
	t.Helper()
	for _, id := range list {
		err := error(nil)
		if mode == ModeStrict {
			err = l.AppendDurable(t.Context(), record(id), Options{})
		} else {
			err = l.Append(record(id), Options{Mode: mode})
		}
		if err != nil {
			t.Fatalf("append %s: %v", id, err)
		}
	}
}

func wantStored(t *testing.T, s *natsd.Server, want []string) {
	t.Helper()
	got, report := stored(t, s)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records in the stream (-want +got):\n%s", diff)
	}
	if !report.OK() {
		t.Errorf("chain: %v", report.Breaks)
	}
}

func TestRecordsReachTheStreamInOrder(t *testing.T) {
	s := startNATS(t, t.TempDir(), "")
	defer s.Shutdown()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	l := mustOpen(t, Config{Conn: nc})
	appendAll(t, l, ids(1, 700), ModeDurable)
	appendAll(t, l, ids(701, 705), ModeStrict)
	appendAll(t, l, ids(706, 710), ModeBestEffort)
	mustClose(t, l)
	wantStored(t, s, ids(1, 710))
}

// TestFullStreamPushesBack: what the stream has no room for waits in the spool; nothing is skipped, and nothing discarded.
func TestFullStreamPushesBack(t *testing.T) {
	s := startNATS(t, t.TempDir(), "")
	defer s.Shutdown()
	l := mustOpen(t, Config{Conn: connect(t, s.GatewayURL()), Stream: stream.Config{MaxBytes: 32 << 10}})
	appendAll(t, l, ids(1, 100), ModeStrict)
	await.Until(t, "a refusal to be counted", func() bool { return value(t, l, "bartizan_audit_publish_errors_total", "") > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	got, report := stored(t, s)
	if len(got) == 0 || len(got) >= 100 || !report.OK() {
		t.Fatalf("%d records in the stream, breaks %v", len(got), report.Breaks)
	}
	if diff := cmp.Diff(ids(1, len(got)), got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if unacked := value(t, l, "bartizan_audit_unacked_records", ""); unacked != float64(100-len(got)) {
		t.Errorf("%v records wait, and %d are stored of 100", unacked, len(got))
	}
}

// copyDir is what a machine that lost power at this moment would find on its disk, at best.
func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestStrictSurvivesCrash(t *testing.T) {
	s := startNATS(t, t.TempDir(), "")
	defer s.Shutdown()
	l := mustOpen(t, Config{}) // NATS is away
	appendAll(t, l, ids(1, 20), ModeStrict)
	dir := copyDir(t, l.cfg.Dir)

	again := mustOpen(t, Config{Dir: dir, Conn: connect(t, s.GatewayURL())})
	appendAll(t, again, ids(21, 25), ModeDurable)
	mustClose(t, again)
	wantStored(t, s, ids(1, 25))
}

// TestLostAck publishes, loses what was acknowledged, and publishes again: inside the duplicate window JetStream absorbs it, beyond it the
// publisher looks into the stream.
func TestLostAck(t *testing.T) {
	for name, window := range map[string]time.Duration{"inside window": 5 * time.Minute, "beyond window": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			s := startNATS(t, t.TempDir(), "")
			defer s.Shutdown()
			cfg := Config{Conn: connect(t, s.GatewayURL()), Stream: stream.Config{Duplicates: window}}
			l := mustOpen(t, cfg)
			appendAll(t, l, ids(1, 30), ModeStrict)
			waitAcked(t, l, 30)
			cursor, err := os.ReadFile(filepath.Join(l.cfg.Dir, "cursor"))
			if err != nil {
				t.Fatal(err)
			}
			appendAll(t, l, ids(31, 60), ModeStrict)
			waitAcked(t, l, 60)
			dir := copyDir(t, l.cfg.Dir)
			mustClose(t, l)
			if err := os.WriteFile(filepath.Join(dir, "cursor"), cursor, 0o600); err != nil {
				t.Fatal(err)
			}
			if window < time.Second {
				time.Sleep(3 * window) // the server's clock, which no bubble holds
			}
			cfg.Dir = dir
			again := mustOpen(t, cfg)
			appendAll(t, again, ids(61, 70), ModeStrict)
			mustClose(t, again)
			wantStored(t, s, ids(1, 70))
		})
	}
}

func waitAcked(t *testing.T, l *Log, n uint64) {
	t.Helper()
	await.Until(t, fmt.Sprintf("%d records to be acknowledged", n), func() bool { return l.wal.Stats().Cursor.Acked >= n })
}

func TestNATSAwayAndBack(t *testing.T) {
	dir := t.TempDir()
	s := startNATS(t, dir, "")
	addr := s.Addr()
	l := mustOpen(t, Config{Conn: connect(t, s.GatewayURL())})
	appendAll(t, l, ids(1, 50), ModeStrict)
	waitAcked(t, l, 50)
	s.Shutdown()
	appendAll(t, l, ids(51, 700), ModeDurable)
	if err := l.Admit(); err != nil {
		t.Errorf("the absence of NATS refuses traffic: %v", err)
	}
	s = startNATS(t, dir, addr)
	defer s.Shutdown()
	appendAll(t, l, ids(701, 720), ModeDurable)
	mustClose(t, l)
	wantStored(t, s, ids(1, 720))
}

func TestStartsBeforeNATS(t *testing.T) {
	dir := t.TempDir()
	s := startNATS(t, dir, "") // to learn an address
	url, addr := s.GatewayURL(), s.Addr()
	s.Shutdown()
	nc, err := stream.Server{URL: url}.Connect(discard())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	l := mustOpen(t, Config{Conn: nc})
	appendAll(t, l, ids(1, 10), ModeStrict)
	s = startNATS(t, dir, addr)
	defer s.Shutdown()
	mustClose(t, l)
	wantStored(t, s, ids(1, 10))
}

func TestCloseLeavesRecordsForTheNextProcess(t *testing.T) {
	dir := t.TempDir()
	s := startNATS(t, dir, "")
	l := mustOpen(t, Config{Conn: connect(t, s.GatewayURL())})
	s.Shutdown()
	appendAll(t, l, ids(1, 10), ModeDurable)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close says %v of ten records that are left", err)
	}
	if err := l.Append(record("late"), Options{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	s = startNATS(t, dir, "")
	defer s.Shutdown()
	again := mustOpen(t, Config{Dir: l.cfg.Dir, Conn: connect(t, s.GatewayURL())})
	mustClose(t, again)
	wantStored(t, s, ids(1, 10))
}

func TestFullSpoolRefuses(t *testing.T) {
	l := mustOpen(t, Config{MaxSpool: 64 << 10})
	var err error
	refusedAt, n := 0, 0
	for n = 1; n < 200 && err == nil; n++ {
		err = l.AppendDurable(t.Context(), record(fmt.Sprint(n)), Options{})
		if refusedAt == 0 && l.Admit() != nil {
			refusedAt = n
		}
	}
	if !errors.Is(err, wal.ErrFull) || !errors.Is(l.Admit(), wal.ErrFull) {
		t.Fatalf("after %d records: %v, Admit %v", n, err, l.Admit())
	}
	if refusedAt == 0 || refusedAt >= n-1 {
		t.Errorf("new exchanges refused at record %d, records at %d: no room for those already admitted", refusedAt, n)
	}
	if err := l.Append(record("x"), Options{Mode: ModeDurable}); !errors.Is(err, wal.ErrFull) {
		t.Errorf("durable: %v", err)
	}
	if err := l.Append(record("x"), Options{Mode: ModeBestEffort}); err != nil {
		t.Errorf("best effort: %v", err)
	}
	if got := value(t, l, "bartizan_audit_dropped_total", "full"); got != 3 {
		t.Errorf("%v records counted as dropped, want 3", got)
	}
}

func value(t *testing.T, l *Log, name, label string) float64 {
	t.Helper()
	families, err := l.cfg.Registerer.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s{%s}", name, label)
	return 0
}

func TestBrokenDiskRefuses(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		t.Run(op, func(t *testing.T) {
			var sick atomic.Bool
			l := mustOpen(t, Config{Fault: func(o string) error {
				if sick.Load() && o == op {
					return unix.EIO
				}
				return nil
			}})
			appendAll(t, l, ids(1, 3), ModeStrict)
			sick.Store(true)
			if err := l.AppendDurable(t.Context(), record("x"), Options{}); !errors.Is(err, wal.ErrBroken) {
				t.Errorf("strict: %v", err)
			}
			sick.Store(false)
			if err := l.Append(record("x"), Options{}); !errors.Is(err, wal.ErrBroken) {
				t.Errorf("durable: %v", err)
			}
			if err := l.Append(record("x"), Options{Mode: ModeBestEffort}); err != nil {
				t.Errorf("best effort: %v", err)
			}
			if err := l.Admit(); !errors.Is(err, wal.ErrBroken) {
				t.Errorf("Admit: %v", err)
			}
			if err := l.Close(t.Context()); !errors.Is(err, wal.ErrBroken) {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// TestSlowDisk holds the disk: the memory queue is bounded, best effort drops, and durable waits only a while.
func TestSlowDisk(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	enter := sync.OnceFunc(func() { close(entered) })
	l := mustOpen(t, Config{MaxQueue: 16 << 10, Fault: func(op string) error {
		if op == "sync" && held.Load() {
			enter()
			<-release
		}
		return nil
	}})
	held.Store(true)
	go func() { _ = l.AppendDurable(context.Background(), record("holds"), Options{}) }()
	<-entered // before that, the writer would still take what is appended
	var err error
	n := 0
	for ; n < 100 && err == nil; n++ {
		err = l.Append(record(fmt.Sprint(n)), Options{})
	}
	if !errors.Is(err, errBusy) || !errors.Is(l.Admit(), errBusy) {
		t.Errorf("after %d records: %v, Admit %v", n, err, l.Admit())
	}
	if err := l.Append(record("x"), Options{Mode: ModeBestEffort}); err != nil {
		t.Errorf("best effort: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.AppendDurable(ctx, record("x"), Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("strict: %v", err)
	}
	held.Store(false)
	close(release)
	mustClose(t, l)
	if got := value(t, l, "bartizan_audit_dropped_total", "busy"); got != 3 {
		t.Errorf("%v records counted as dropped, want 3", got)
	}
}

// TestDurableIsSyncedSoon: a record that Append took is on the disk without anybody waiting for it.
func TestDurableIsSyncedSoon(t *testing.T) {
	l := mustOpen(t, Config{MaxDelay: time.Millisecond})
	appendAll(t, l, ids(1, 1), ModeDurable)
	await.Until(t, "the sync", func() bool { return l.wal.Stats().Synced >= 1 })
}

func TestConcurrentProducersOneChain(t *testing.T) {
	s := startNATS(t, t.TempDir(), "")
	defer s.Shutdown()
	l := mustOpen(t, Config{Conn: connect(t, s.GatewayURL())})
	other := mustOpen(t, Config{Conn: connect(t, s.GatewayURL())})
	var group sync.WaitGroup
	for g := range 16 {
		group.Go(func() {
			for i := range 25 {
				if err := errors.Join(l.AppendDurable(t.Context(), record(fmt.Sprint(g, i)), Options{}), other.Append(record("o"), Options{})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	mustClose(t, l)
	mustClose(t, other)
	_, report := stored(t, s)
	if !report.OK() || len(report.Producers) != 2 || report.Producers[0].Last != 400 || report.Producers[1].Last != 400 {
		t.Errorf("report %+v", report)
	}
}

// TestDamagedSpool: a log with a damaged record is not opened as if nothing were.
func TestDamagedSpool(t *testing.T) {
	l := mustOpen(t, Config{})
	appendAll(t, l, ids(1, 10), ModeStrict)
	dir := copyDir(t, l.cfg.Dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	var ce *wal.CorruptError
	if _, err := Open(Config{Dir: dir}); !errors.As(err, &ce) {
		t.Errorf("Open: %v", err)
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	for _, mode := range []Mode{ModeDurable, ModeStrict} {
		b.Run(string(mode), func(b *testing.B) {
			l, err := Open(Config{Dir: b.TempDir(), MaxSpool: 64 << 30})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close(context.Background())
			r := record("0195940e-1f2a-7c3b-8d4e-5f60718293a4")
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var err error
					if mode == ModeStrict {
						err = l.AppendDurable(context.Background(), r, Options{})
					} else {
						err = l.Append(r, Options{})
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
